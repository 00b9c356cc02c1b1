/*
 * belong.c: which rows belong to a part. A source may give more than it is asked for, and so the same row for several parts.
 */
#include "http_source.h"

#include <stdio.h>
#include <strings.h>

HttpLikeness
http_likeness(const CkValue *a, const CkValue *b)
{
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
