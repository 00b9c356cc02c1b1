/*
 * order.c: orders that a source has, and how they are asked for.
 */
#include "http_source.h"

#include <stdlib.h>

static const HttpOrder *
find_order(const HttpTable *table, const char *column)
{
	for (size_t i = 0; i < table->norders; i++)
		if (strcmp(table->orders[i].column, column) == 0)
			return &table->orders[i];
	return NULL;
}

/* Whether values of a type are ordered everywhere as here. */
static bool
is_ordered_alike(const HttpOrder *order, CkType type)
{
	switch (type)
	{
		case CK_INT64:
		case CK_UINT64:
		case CK_FLOAT64:
		case CK_FLOAT32:
		case CK_NUMERIC:
		case CK_DATE:
		case CK_TIMESTAMP:
		case CK_TIMESTAMPTZ:
			return true;
		case CK_TEXT:
			return order->bytes;
		default:
			return false;
	}
}

/* Whether rows without a value come where they are wanted. */
static bool
nulls_fit(HttpNulls nulls, const CkOrder *wanted)
{
	switch (nulls)
	{
		case NULLS_FIRST:
			return wanted->nulls_first;
		case NULLS_LAST:
			return !wanted->nulls_first;
		case NULLS_LEAST:
			return wanted->nulls_first != wanted->descends;
		case NULLS_GREATEST:
			return wanted->nulls_first == wanted->descends;
		default:
			return false;
	}
}

/* Whether one value of a column is given. */
static bool
is_given(const CkOrder *wanted, const char *column)
{
	for (uint32_t i = 0; i < wanted->nfilters; i++)
		if (strcmp(wanted->filters[i].op, "=") == 0 && strcmp(wanted->filters[i].column, column) == 0)
			return true;
	return false;
}

/*
 * What takes several requests has an order in each of them alone, but for ranges of the cursor, which are asked for from the
 * least on.
 */
static bool
is_one_request(const HttpTable *table, const CkOrder *wanted)
{
	for (uint32_t i = 0; i < wanted->nfilters; i++)
	{
		const CkFilter *asked = &wanted->filters[i];
		const HttpFilter *filter = http_find_filter(table, asked->column, asked->source_type, http_operator(asked->op));

		if (filter && strcmp(asked->op, "in") == 0 && (filter->most > 0 || !http_takes_list(filter)))
			return false;
	}
	for (uint32_t i = 0; i < table->parent.count; i++)
		if (!is_given(wanted, table->parent.columns[i]))
			return false;
	return !table->cursor.step || (strcmp(table->cursor.column, wanted->column) == 0 && !wanted->descends);
}

bool
http_order(const CkSql *sql, const CkOrder *wanted)
{
	const HttpTable *table = (const HttpTable *) sql;
	const HttpOrder *order = find_order(table, wanted->column);

	return order && (wanted->descends ? order->descends : order->ascends) && is_ordered_alike(order, wanted->type) &&
		http_kind(table, wanted->column, wanted->type) != KIND_OTHER &&
		(wanted->not_null || nulls_fit(order->nulls, wanted)) && is_one_request(table, wanted);
}

CkStatus
http_take_order(CkScan *scan, const char *column, bool descends)
{
	HttpScan   *http = scan->state;
	const HttpOrder *order = find_order(http->table, column);

	http->order = order ? descends ? order->descends : order->ascends : NULL;
	return http->order ? CK_OK :
		ck_fail(scan->session, CK_ERR_INTERNAL, "the request has an order by \"%s\" that there is none of", column);
}

bool
http_order_has_param(const HttpScan *http, const char *name)
{
	if (json_is_object(http->order) && !http->table->order_body)
		return json_object_get(http->order, name) != NULL;
	return http->order && http->table->order_param && strcmp(http->table->order_param, name) == 0;
}

void
http_write_order(HttpScan *http)
{
	HttpText   *url = &http->page->url;
	const char *name;
	json_t	   *value;

	if (!http->order || http->table->order_body)
		return;
	json_object_foreach((json_t *) http->order, name, value)
	{
		http_begin_param(url, name);
		text_encoded(url, json_string_value(value), json_string_length(value));
	}
	if (json_is_string(http->order) && http->table->order_param)
	{
		http_begin_param(url, http->table->order_param);
		text_encoded(url, json_string_value(http->order), json_string_length(http->order));
	}
}
