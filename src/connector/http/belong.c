/*
 * belong.c: which rows belong to a part. A source may give more than it is asked for, and so the same row for several parts.
 */
#include "http_source.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

/* The integer that a column has of a text, or of a number with a fraction or an exponent; false: it is not known which. */
static bool
integer_of(const CkValue *value, int64_t *integer)
{
	char		copy[64];
	char	   *end;
	long double number;

	if ((value->type != CK_TEXT && value->type != CK_NUMERIC) || value->size == 0 || value->size >= sizeof(copy))
		return false;
	memcpy(copy, value->u.p, value->size);
	copy[value->size] = '\0';
	errno = 0;
	*integer = strtoll(copy, &end, 10);
	if (end == copy || errno != 0)
		return false;
	end += strspn(end, " \t\n\r\v\f");
	if (end == copy + value->size)
		return true;
	/* 64 bits of mantissa hold all of them */
	number = value->type == CK_NUMERIC ? strtold(copy, &end) : 0.5L;
	if (*end || number != rintl(number) || !(fabsl(number) < 9e18L))
		return false;
	*integer = (int64_t) number;
	return true;
}

HttpLikeness
http_likeness(const CkValue *a, const CkValue *b)
{
	int64_t		integer;

	if (b->type == CK_INT64 && integer_of(a, &integer))
		return integer == b->u.i ? LIKE_SAME : LIKE_DIFFERENT;
	if (a->type == CK_NUMERIC && b->type == CK_TEXT)
		return a->size == b->size && memcmp(a->u.p, b->u.p, a->size) == 0 ? LIKE_SAME : LIKE_UNKNOWN;
	if (a->type == b->type && a->type == CK_INT64)
		return a->u.i == b->u.i ? LIKE_SAME : LIKE_DIFFERENT;
	if (a->type == b->type && a->type == CK_TEXT)
	{
		if (a->size == b->size && memcmp(a->u.p, b->u.p, a->size) == 0)
			return LIKE_SAME;
		/* a uuid may be written in capitals */
		return a->size == b->size && strncasecmp(a->u.p, b->u.p, a->size) == 0 ? LIKE_UNKNOWN : LIKE_DIFFERENT;
	}
	if ((a->type == CK_INT64 && b->type == CK_TEXT) || (a->type == CK_TEXT && b->type == CK_INT64))
	{
		const CkValue *text = a->type == CK_TEXT ? a : b;
		char		digits[32];
		int			size = snprintf(digits, sizeof(digits), "%lld", (long long) (a->type == CK_INT64 ? a : b)->u.i);

		return text->size == (uint32_t) size && memcmp(text->u.p, digits, text->size) == 0 ? LIKE_SAME : LIKE_UNKNOWN;
	}
	return LIKE_UNKNOWN;
}

/* The value of a record at a path, as far as it can be compared; CK_NULL: it is none, or null. */
static CkValue
value_at(const HttpPage *page, JsonPath path)
{
	uint32_t	number = http_find(page, path);
	const JsonNode *node = &page->record->nodes[number];
	CkValue		value = {.type = CK_NULL};
	int64_t		integer;

	if (number && (node->kind == JSON_KIND_STRING || node->kind == JSON_KIND_NUMBER))
	{
		const char *text = page->record->bytes + node->text;

		value = (CkValue) {.type = CK_TEXT, .size = (uint32_t) node->text_size, .u.p = text};
		if (node->kind == JSON_KIND_NUMBER && http_read_integer(text, node->text_size, &integer))
			value = (CkValue) {.type = CK_INT64, .u.i = integer};
		else if (node->kind == JSON_KIND_NUMBER)
			value.type = CK_NUMERIC;
	}
	else if (number && (node->kind == JSON_KIND_TRUE || node->kind == JSON_KIND_FALSE))
		value = (CkValue) {.type = CK_TEXT, .size = (uint32_t) node->text_size, .u.p = page->record->bytes + node->text};
	return value;
}

/* Whether a value is the same as one of several, or at least may be. */
static HttpLikeness
likeness_of_any(const CkValue *value, const CkValue *args, uint32_t nargs)
{
	HttpLikeness found = LIKE_DIFFERENT;

	for (uint32_t i = 0; i < nargs && found != LIKE_SAME; i++)
	{
		HttpLikeness one = http_likeness(value, &args[i]);

		if (one != LIKE_DIFFERENT)
			found = one;
	}
	return found;
}

bool
http_belongs(const HttpScan *http)
{
	const HttpPage *page = http->page;

	for (uint32_t i = 0; i < http->nconditions; i++)
	{
		const HttpCondition *c = &http->conditions[i];
		HttpValues	values = page->values[i];
		CkValue		value;
		HttpLikeness likeness;

		if (!(c->op & (FILTER_EQUAL | FILTER_IN)) || !c->filter->at || (c->from == 0 && values.nargs == c->nall))
			continue;
		value = value_at(page, c->filter->at);
		if (value.type == CK_NULL)
			continue;
		likeness = likeness_of_any(&value, values.args, values.nargs);
		if (likeness == LIKE_SAME)
			continue;
		/* another part will have it; what is of none is seen to later */
		if (c->from > 0 ? likeness == LIKE_DIFFERENT : likeness_of_any(&value, c->all, c->nall) == LIKE_SAME)
			return false;
	}
	return true;
}
