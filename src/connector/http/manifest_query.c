/*
 * manifest_query.c: reads how a table is asked: its query language, its order, and the cursor of its syncs.
 */
#include "manifest_read.h"

#include <stdio.h>
#include <stdlib.h>

#define SECOND INT64_C(1000000)

/* A span of time, "15 hours", in microseconds; 0: it is none. */
static int64_t
span_of(const char *text)
{
	static const struct
	{
		const char *unit;
		int64_t		seconds;
	}			units[] = {{"second", 1}, {"minute", 60}, {"hour", 3600}, {"day", 86400}, {"week", 7 * 86400}};
	char	   *unit;
	int64_t		number = strtoll(text, &unit, 10);

	unit += strspn(unit, " ");
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
	{
		size_t		size = strlen(units[i].unit);

		if (strncmp(unit, units[i].unit, size) == 0 && (!unit[size] || strcmp(unit + size, "s") == 0))
			return number > 0 && number <= 100000000 ? number * units[i].seconds * SECOND : 0;
	}
	return 0;
}

static bool
take_span(Reading *r, const json_t *object, const char *name, int64_t *span)
{
	const char *text;

	*span = 0;
	if (!take_string(r, object, name, NULL, &text))
		return false;
	if (text && (*span = span_of(text)) == 0)
		return bad(r, name, "a span of time is expected: \"90 seconds\", \"15 minutes\", \"1 day\"");
	return true;
}

/* A form of moments as strftime() has it: from the year down to what it ends with. */
static bool
take_pattern(Reading *r, const char *pattern, HttpFilter *filter)
{
	static const char letters[] = "YmdHMS";
	static const int64_t units[] = {0, 0, 86400, 3600, 60, 1};
	unsigned	found = 0;

	for (const char *c = pattern; (c = strchr(c, '%')) != NULL; c += 2)
	{
		const char *letter = c[1] ? strchr(letters, c[1]) : NULL;

		if (!letter)
			return bad(r, "format", "a pattern is made of %%Y %%m %%d %%H %%M %%S");
		found |= 1u << (letter - letters);
	}
	/* none is left out between the year and the last */
	if (found < 7 || (found & (found + 1)) != 0)
		return bad(r, "format", "a pattern has %%Y, %%m and %%d, and no part of the day without those before it");
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (found & 1u << i)
			filter->unit = units[i] * SECOND;
	filter->format = FORMAT_PATTERN;
	filter->pattern = pattern;
	return true;
}

bool
read_format(Reading *r, const json_t *object, HttpFilter *filter)
{
	const char *text = json_string_value(json_object_get(object, "format"));
	const uint32_t bounds = FILTER_LESS | FILTER_LESS_EQUAL | FILTER_GREATER | FILTER_GREATER_EQUAL;
	int			format;

	if (text && strchr(text, '%'))
	{
		if (!take_pattern(r, text, filter))
			return false;
	}
	else if (!take_word(r, object, "format", FORMATS, &format))
		return false;
	else
		filter->format = (HttpFormat) format;
	if (!take_span(r, object, "widen", &filter->widen))
		return false;
	return !filter->widen || (filter->ops & ~bounds) == 0 || bad(r, "widen", "only < <= > >= have a bound");
}

bool
read_clauses(Reading *r, const json_t *object, HttpTable *table)
{
	const json_t *value = json_object_get(object, "clauses");
	HttpClauses *c = &table->clauses;
	size_t		place = enter(r, "clauses");
	const char *quote;
	int			escape;

	if (value)
	{
		if (!check_names(r, value, "param body join quote escape first last") ||
			!take_string(r, value, "param", NULL, &c->param) || !take_member_path(r, value, "body", &c->body) ||
			!take_string(r, value, "join", " AND ", &c->join) || !take_string(r, value, "quote", "\"", &quote) ||
			!take_word(r, value, "escape", "none|double|backslash", &escape) ||
			!take_string(r, value, "first", NULL, &c->first) || !take_string(r, value, "last", NULL, &c->last) ||
			!check_text(r, "first", c->first, NULL) || !check_text(r, "last", c->last, NULL))
			return false;
		if ((c->param != NULL) + (c->body != NULL) != 1)
			return bad(r, "param", "one is expected: the name of a parameter, or a place in the body");
		if (strcmp(quote, "\"") != 0 && strcmp(quote, "'") != 0)
			return bad(r, "quote", "it is none of \" and '");
		c->quote = quote[0];
		c->escape = (HttpEscape) escape;
	}
	r->place[place] = '\0';
	return true;
}

bool
check_clause(Reading *r, const HttpFilter *filter, const HttpTable *table)
{
	const char *one = strstr(filter->clause, "{value}");
	const char *all = strstr(filter->clause, "{values}");

	if (!table->clauses.join)
		return bad(r, "clause", "the table has no clauses, that say where it stands");
	if ((one != NULL) + (all != NULL) != 1 || strstr((one ? one : all) + 1, one ? "{value}" : "{values}"))
		return bad(r, "clause", "it needs {value}, or {values} for a list, once");
	if (one && (filter->ops & FILTER_IN))
		return bad(r, "clause", "a list needs {values}");
	return true;
}

/* A direction of an order: a value where the table says what gets it, else an object of parameters. */
static bool
take_direction(Reading *r, const json_t *object, const char *name, const HttpTable *table, const json_t **direction)
{
	const char *param;
	json_t	   *value;
	bool		placed = table->order_param || table->order_body || table->clauses.join;

	*direction = json_object_get(object, name);
	if (!*direction || (table->order_body && !table->order_param))
		return true;
	if (json_is_string(*direction))
		return placed || bad(r, name, "an object of parameters is expected, or the order's param");
	if (!json_is_object(*direction))
		return bad(r, name, "a string, or an object of parameters is expected");
	json_object_foreach((json_t *) *direction, param, value)
		if (!json_is_string(value))
			return bad(r, name, "parameter \"%s\" is no string", param);
	return true;
}

bool
read_order(Reading *r, const json_t *object, HttpTable *table)
{
	json_t	   *order = json_object_get(object, "order"),
			   *columns = json_object_get(order, "columns");
	size_t		place = enter(r, "order");
	const char *column;
	json_t	   *value;

	if (!order)
	{
		r->place[place] = '\0';
		return true;
	}
	if (!check_names(r, order, "param body columns") || !take_string(r, order, "param", NULL, &table->order_param) ||
		!take_member_path(r, order, "body", &table->order_body))
		return false;
	if (table->order_body && !table->body)
		return bad(r, "body", "the table has none");
	if (!json_is_object(columns))
		return bad(r, "columns", "an object of columns is expected");
	if (table->unnest)
		return bad(r, "", "rows of lists within records have none");
	table->orders = keep(r, json_object_size(columns), sizeof(HttpOrder));
	if (!table->orders)
		return false;
	json_object_foreach(columns, column, value)
	{
		HttpOrder  *o = &table->orders[table->norders++];
		size_t		outer = enter(r, column);
		int			nulls;

		o->column = column;
		if (!check_names(r, value, "asc desc nulls bytes") ||
			!take_direction(r, value, "asc", table, &o->ascends) || !take_direction(r, value, "desc", table, &o->descends) ||
			!take_word(r, value, "nulls", "unknown|first|last|least|greatest", &nulls) ||
			!take_boolean(r, value, "bytes", &o->bytes))
			return false;
		if (table->columns && !http_column(table, column))
			return bad(r, "", "the table has no such column");
		o->nulls = (HttpNulls) nulls;
		r->place[outer] = '\0';
	}
	r->place[place] = '\0';
	table->sql.order = http_order;
	return true;
}

/* Sees that ranges of the cursor can be asked for. */
static bool
check_steps(Reading *r, const HttpTable *table)
{
	const HttpCursor *c = &table->cursor;
	const HttpColumn *column = http_column(table, c->column);

	if (!http_find_filter(table, c->column, NULL, FILTER_GREATER_EQUAL) ||
		(!http_find_filter(table, c->column, NULL, FILTER_LESS) &&
		 !http_find_filter(table, c->column, NULL, FILTER_LESS_EQUAL)))
		return bad(r, "step", "filters on the column are needed, for >= and for < or <=");
	if (column && strncmp(column->type, "timestamp", 9) != 0)
		return bad(r, "step", "the column is no timestamp");
	if ((c->grid == NULL) != (c->points == 0))
		return bad(r, "points", "grid and points go together");
	return true;
}

bool
read_cursor(Reading *r, const json_t *object, HttpTable *table)
{
	const json_t *value = json_object_get(object, "cursor");
	HttpCursor *c = &table->cursor;
	size_t		place = enter(r, "cursor");
	const HttpColumn *column;
	int			end;

	if (value)
	{
		if (!check_names(r, value, "column start lookback step end grid points") ||
			!take_string(r, value, "column", NULL, &c->column) || !take_string(r, value, "start", NULL, &c->start) ||
			!take_string(r, value, "lookback", NULL, &c->lookback) || !take_span(r, value, "step", &c->step) ||
			!take_word(r, value, "end", "open|now", &end) || !take_string(r, value, "grid", NULL, &c->grid) ||
			!take_integer(r, value, "points", 0, 1, &c->points))
			return false;
		c->now = end == 1;
		column = c->column ? http_column(table, c->column) : NULL;
		if (!c->column || (table->columns && !column))
			return bad(r, "column", "a column of the table is expected");
		if (column && !column->not_null)
			return bad(r, "column", "the column is not said to be not_null");
		if (c->step ? !check_steps(r, table) : c->now || c->grid || c->points)
			return c->step ? false : bad(r, "step", "end, grid and points are nothing without a step");
		table->sql.cursor_column = c->column;
		table->sql.cursor_start = c->start;
		table->sql.cursor_lookback = c->lookback;
	}
	r->place[place] = '\0';
	return true;
}
