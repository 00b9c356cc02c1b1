/*
 * clause.c: conditions in a source's own query language, which stand beside each other in one text.
 */
#include "http_source.h"

#include <stdio.h>
#include <stdlib.h>

/* What stands for bytes that are no UTF-8. */
#define NO_CHARACTER 0x1fffffu

/* The character that a text begins with, and how many bytes it has. */
static uint32_t
first_character(const unsigned char *text, size_t size, size_t *length)
{
	static const unsigned char masks[] = {0x7f, 0x1f, 0x0f, 0x07};
	size_t		more = text[0] < 0x80 ? 0 : text[0] < 0xe0 ? 1 : text[0] < 0xf0 ? 2 : 3;
	uint32_t	character = text[0] & masks[more];

	*length = 1;
	if ((text[0] >= 0x80 && text[0] < 0xc2) || text[0] > 0xf4 || more >= size)
		return NO_CHARACTER;
	for (; *length <= more; (*length)++)
	{
		if ((text[*length] & 0xc0) != 0x80)
			return NO_CHARACTER;
		character = character << 6 | (text[*length] & 0x3f);
	}
	return character;
}

/* Characters that steer, and those that are none. */
static bool
is_control(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c <= 0x9f) || (c >= 0xfdd0 && c <= 0xfdef) || (c & 0xfffe) == 0xfffe;
}

/* Writes a text so that it is one to the language, whatever is in it; false: that has no way to. */
static bool
append_quoted(HttpText *text, const HttpClauses *language, const char *data, size_t size)
{
	char		mark = language->quote;

	text_append(text, &mark, 1);
	for (size_t length; size > 0; data += length, size -= length)
	{
		uint32_t	c = first_character((const unsigned char *) data, size, &length);
		char		code[8];

		if (is_control(c))
		{
			if (language->escape != ESCAPE_BACKSLASH || c > 0xffff)
				return false;
			snprintf(code, sizeof(code), "\\u%04x", (unsigned) c & 0xffff);
			text_append(text, code, 6);
			continue;
		}
		if (c == (uint32_t) mark || (c == '\\' && language->escape != ESCAPE_DOUBLE))
		{
			if (language->escape == ESCAPE_NONE)
				return false;
			text_append(text, language->escape == ESCAPE_DOUBLE ? &mark : "\\", 1);
		}
		text_append(text, data, length);
	}
	text_append(text, &mark, 1);
	return true;
}

/* Writes a value of a condition; false: the language has no form of it. */
static bool
append_value(HttpText *text, const HttpClauses *language, const HttpFilter *filter, const CkValue *value, bool up)
{
	if (value->type == CK_TEXT)
		return append_quoted(text, language, value->u.p, value->size);
	if (value->type == CK_NUMERIC)
		for (uint32_t i = 0; i < value->size; i++)
			if (!strchr("+-.0123456789", value->u.p[i]))
				return false;
	return http_write_value(text, value, filter, up);
}

/* Writes a condition; false: a value has no form. */
static bool
append_clause(HttpText *text, const HttpClauses *language, const HttpCondition *c, HttpValues values)
{
	bool		up = c->op == FILTER_LESS || c->op == FILTER_LESS_EQUAL;
	const char *hole = strstr(c->filter->clause, "{value");

	text_append(text, c->filter->clause, (size_t) (hole - c->filter->clause));
	for (uint32_t i = 0; i < values.nargs; i++)
	{
		if (i > 0)
			text_string(text, c->filter->join ? c->filter->join : ", ");
		if (!append_value(text, language, c->filter, &values.args[i], up))
			return false;
	}
	text_string(text, strchr(hole, '}') + 1);
	return true;
}

/* Adds the order that is asked for, or what stands there else. */
static CkStatus
append_last(CkScan *scan, HttpText *text)
{
	HttpScan   *http = scan->state;
	const HttpTable *table = http->table;

	if (!table->order_param && !table->order_body && json_is_string(http->order))
	{
		text_append(text, " ", text->size > 0 ? 1 : 0);
		text_string(text, json_string_value(http->order));
		return CK_OK;
	}
	if (!table->clauses.last)
		return CK_OK;
	text_append(text, " ", text->size > 0 ? 1 : 0);
	return http_write_text(scan, text, table->clauses.last, AS_IT_IS, AS_IT_IS);
}

CkStatus
http_write_clauses(CkScan *scan, HttpText *text)
{
	HttpScan   *http = scan->state;
	const HttpClauses *language = &http->table->clauses;
	CkStatus	status = CK_OK;

	if (language->first)
		status = http_write_text(scan, text, language->first, AS_IT_IS, AS_IT_IS);
	for (uint32_t i = 0; i < http->nconditions && status == CK_OK; i++)
	{
		const HttpCondition *c = &http->conditions[i];
		HttpText	clause = {0};

		if (!c->filter->clause || http->page->values[i].nargs == 0)
			continue;
		if (append_clause(&clause, language, c, http->page->values[i]))
		{
			if (text->size > 0)
				text_string(text, language->join);
			text_append(text, clause.data, clause.data ? clause.size : 0);
		}
		/* without it there are more rows, which are looked at again unless it is exact */
		else if (c->filter->exact || c->filter->required)
			status = ck_fail(scan->session, CK_ERR_DATA, "a value of \"%s\" cannot stand in a request", c->filter->column);
		text->failed |= clause.failed;
		text_free(&clause);
	}
	if (status == CK_OK)
		status = append_last(scan, text);
	return status == CK_OK ? http_check_text(scan->session, text) : status;
}
