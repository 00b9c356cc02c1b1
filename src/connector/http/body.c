/*
 * body.c: the JSON that a request carries: what the table says, with conditions and the page put into it.
 */
#include "http_source.h"

#include <stdio.h>
#include <stdlib.h>

/* The name in which a condition's column stands. */
#define COLUMN "{column}"

/* Takes over value; false: memory is out, or there is no object or list to put it into. */
static bool
put(json_t *object, const char *name, json_t *value)
{
	size_t		size = strlen(name);
	char		list[HTTP_NAME_LIMIT];
	json_t	   *there;

	if (size < 3 || size >= sizeof(list) || strcmp(name + size - 2, "[]") != 0)
		return json_object_set_new(object, name, value) == 0;
	snprintf(list, sizeof(list), "%.*s", (int) size - 2, name);
	there = json_object_get(object, list);
	if (!there)
	{
		there = json_pack("[]");
		if (!there || json_object_set_new(object, list, there) != 0)
		{
			json_decref(value);
			return false;
		}
	}
	return json_array_append_new(there, value) == 0;
}

/* Puts a value at a path, of which objects that are missing are made; behind a name that ends in [] it is appended to a list. */
static bool
put_at(json_t *body, JsonPath path, json_t *value)
{
	for (; path[0] && path[1]; path++)
	{
		json_t	   *inner = json_object_get(body, path[0]);

		if (!inner && !put(body, path[0], inner = json_pack("{}")))
		{
			json_decref(value);
			return false;
		}
		body = inner;
	}
	if (path[0] && value)
		return put(body, path[0], value);
	json_decref(value);
	return false;
}

/* A value of a condition; NULL: it has no such form, or memory is out. */
static json_t *
json_of_value(const CkValue *value, const HttpFilter *filter, bool up)
{
	HttpText	text = {0};
	json_t	   *json = NULL;

	switch (value->type)
	{
		case CK_BOOL:
			return json_boolean(value->u.i);
		case CK_INT64:
			return json_integer(value->u.i);
		case CK_FLOAT64:
		case CK_FLOAT32:
			return json_real(value->u.f);
		default:
			break;
	}
	/* a numeric stays a text: as a number it might lose digits */
	if (http_write_value(&text, value, filter, up) && text.data)
		json = filter->format == FORMAT_UNIX || filter->format == FORMAT_UNIX_MS ? json_integer(atoll(text.data)) :
			json_stringn(text.data, text.size);
	text_free(&text);
	return json;
}

/* Values of a condition: one, or a list. */
static json_t *
json_of_condition(const HttpCondition *c, HttpValues values)
{
	bool		up = c->op == FILTER_LESS || c->op == FILTER_LESS_EQUAL;
	json_t	   *list;

	if (c->op != FILTER_IN)
		return json_of_value(values.args, c->filter, up);
	list = json_pack("[]");
	for (uint32_t i = 0; list && i < values.nargs; i++)
		if (json_array_append_new(list, json_of_value(&values.args[i], c->filter, up)) != 0)
		{
			json_decref(list);
			list = NULL;
		}
	return list;
}

/* The value as a bound of what is equal to it: of 0 that is -0.0 or 0.0, which a source may tell apart. */
static json_t *
json_of_bound(const HttpCondition *c, HttpValues values, bool up)
{
	if ((values.args->type == CK_FLOAT64 || values.args->type == CK_FLOAT32) && values.args->u.f == 0)
		return json_real(up ? 0.0 : -0.0);
	return json_of_value(values.args, c->filter, up);
}

/* What stands for such a text; NULL: it is none of these. */
static json_t *
own_value(const HttpFill *fill, const char *text)
{
	static const char *const names[] = {"{value}", "{values}", "{low}", "{high}", "{condition}"};

	for (size_t i = 0; fill && i < sizeof(names) / sizeof(names[0]); i++)
		if (fill->values[i] && strcmp(names[i], text) == 0)
			return json_incref(fill->values[i]);
	return fill && strcmp(text, COLUMN) == 0 ? json_string(fill->column) : NULL;
}

json_t *
http_fill_in(CkScan *scan, const json_t *from, const HttpFill *fill)
{
	json_t	   *copy = NULL;
	bool		good = true;

	if (json_is_string(from))
	{
		HttpText	text = {0};

		copy = own_value(fill, json_string_value(from));
		if (!copy && http_write_text(scan, &text, json_string_value(from), AS_IT_IS, AS_IT_IS) == CK_OK)
			copy = json_stringn(text.data ? text.data : "", text.size);
		text_free(&text);
		return copy;
	}
	if (json_is_object(from))
	{
		const char *name;
		json_t	   *member;

		copy = json_pack("{}");
		json_object_foreach((json_t *) from, name, member)
		{
			/* without columns there is nothing to be said */
			if (scan->ncolumns == 0 && json_is_string(member) && strcmp(json_string_value(member), "{columns}") == 0)
				continue;
			good = good && copy && json_object_set_new(copy, fill && strcmp(name, COLUMN) == 0 ? fill->column : name,
													   http_fill_in(scan, member, fill)) == 0;
		}
	}
	else if (json_is_array(from))
	{
		copy = json_pack("[]");
		for (size_t i = 0; i < json_array_size(from); i++)
			good = good && copy && json_array_append_new(copy, http_fill_in(scan, json_array_get(from, i), fill)) == 0;
	}
	else
		copy = json_deep_copy(from);
	if (!good)
	{
		json_decref(copy);
		copy = NULL;
	}
	return copy;
}

/* The cursor as the body has it. */
static json_t *
json_of_cursor(const HttpPaging *p, const char *cursor)
{
	return p->from_record ? json_loads(cursor, JSON_DECODE_ANY, NULL) : json_string(cursor);
}

/* The condition's values, as a list. */
static json_t *
json_of_all(const HttpCondition *c, HttpValues values)
{
	HttpCondition list = *c;

	list.op = FILTER_IN;
	return json_of_condition(&list, values);
}

/* Puts a condition where its filter says. */
static bool
put_condition(CkScan *scan, const HttpCondition *c, HttpValues values, json_t *body)
{
	HttpFill	fill = {
		.values = {json_of_condition(c, values), json_of_all(c, values), json_of_bound(c, values, false),
		json_of_bound(c, values, true)},
		.column = c->field ? c->field : http_column_of(c)
	};
	bool		good = fill.values[0] && fill.values[1] && fill.values[2] && fill.values[3];
	json_t	   *json = NULL;

	if (good)
		json = c->filter->value ? http_fill_in(scan, c->filter->value, &fill) : json_incref(fill.values[0]);
	if (json && c->filter->wrap)
	{
		fill.values[4] = json;
		json = http_fill_in(scan, c->filter->wrap, &fill);
	}
	for (size_t i = 0; i < sizeof(fill.values) / sizeof(fill.values[0]); i++)
		json_decref(fill.values[i]);
	return json && put_at(body, c->filter->body, json);
}

/* Puts what says which page is wanted, and the order, into the body. */
static bool
put_page(HttpScan *http, json_t *body)
{
	HttpPage   *page = http->page;
	const HttpPaging *p = &http->table->paging;
	bool		good = true;

	if (http->order && http->table->order_body)
		good = put_at(body, http->table->order_body, json_deep_copy(http->order));
	if (!p->in_body)
		return good;
	if (p->size_at)
		good &= put_at(body, p->size_at, json_integer(http_page_size(http)));
	if (p->limit_at && http->wanted < INT64_MAX)
		good &= put_at(body, p->limit_at, json_integer(http->wanted));
	if (p->type == PAGING_PAGE)
		good &= put_at(body, p->param_at, json_integer(p->start + page->number));
	else if (p->type == PAGING_OFFSET)
		good &= put_at(body, p->param_at, json_integer(p->start + page->seen));
	else if (p->type == PAGING_CURSOR && page->next)
		good &= put_at(body, p->param_at, json_of_cursor(p, page->next));
	return good;
}

/* Puts the text of the table's query language into the body. */
static CkStatus
put_clauses(CkScan *scan, json_t *body)
{
	HttpScan   *http = scan->state;
	HttpText	text = {0};
	CkStatus	status = http_write_clauses(scan, &text);

	if (status == CK_OK && text.size > 0 &&
		!put_at(body, http->table->clauses.body, json_stringn(text.data, text.size)))
		status = ck_fail(scan->session, CK_ERR_DATA, "the body of a request for table \"%s\" has no place for its clauses",
						 http->name);
	text_free(&text);
	return status;
}

CkStatus
http_make_body(CkScan *scan)
{
	HttpScan   *http = scan->state;
	json_t	   *body = http_fill_in(scan, http->table->body, NULL);
	bool		good = body && put_page(http, body);
	char	   *text = NULL;

	for (uint32_t i = 0; i < http->nconditions && good; i++)
	{
		const HttpCondition *c = &http->conditions[i];
		HttpValues	values = http->page->values[i];

		if (c->filter->body && values.nargs > 0 && c->filter->step == http->step)
			good = put_condition(scan, c, values, body);
	}
	if (good && http->table->clauses.body)
	{
		CkStatus	status = put_clauses(scan, body);

		if (status != CK_OK)
		{
			json_decref(body);
			return status;
		}
	}
	if (good)
		text = json_dumps(body, JSON_COMPACT);
	json_decref(body);
	if (!text)
	{
		ck_fail(scan->session, CK_ERR_DATA, "the body of a request for table \"%s\" cannot be made", http->name);
		ck_hint(scan->session, "A path of a filter or of the paging must lead through objects of the table's body.");
		return CK_ERR_DATA;
	}
	text_string(&http->page->body, text);
	free(text);
	return http->page->body.failed ? ck_fail(scan->session, CK_ERR_MEMORY, "out of memory") : CK_OK;
}
