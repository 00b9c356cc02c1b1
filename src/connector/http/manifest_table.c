/*
 * manifest_table.c: reads a table of a manifest.
 */
#include "manifest_read.h"

#include <stdio.h>
#include <stdlib.h>

static bool
read_column(Reading *r, const char *name, const json_t *value, HttpColumn *column)
{
	const json_t *path = json_object_get(value, "path");
	int			format = FORMAT_PLAIN;

	column->name = name;
	if (json_is_string(value))
		column->type = json_string_value(value);
	else if (!check_names(r, value, "type path format not_null comment") ||
			 !take_string(r, value, "type", "text", &column->type) ||
			 !take_word(r, value, "format", FORMATS, &format) ||
			 !take_boolean(r, value, "not_null", &column->not_null) ||
			 !take_string(r, value, "comment", NULL, &column->comment))
		return false;
	column->format = (HttpFormat) format;
	if (path)
		return take_path(r, path, "path", &column->path);
	column->path = keep(r, 2, sizeof(char *));
	if (column->path)
		((const char **) column->path)[0] = name;
	return column->path != NULL;
}

static bool
read_columns(Reading *r, const json_t *object, HttpTable *table)
{
	json_t	   *columns = json_object_get(object, "columns");
	const json_t *key = json_object_get(object, "key");
	size_t		place;
	const char *name;
	json_t	   *value;

	if (json_is_string(columns) && strcmp(json_string_value(columns), "infer") == 0)
		table->infer = true;
	else if (columns)
	{
		table->columns = keep(r, json_object_size(columns), sizeof(HttpColumn));
		if (!table->columns)
			return false;
		if (!json_is_object(columns) || json_object_size(columns) == 0)
			return bad(r, "columns", "an object with at least one column is expected");
		place = enter(r, "columns");
		json_object_foreach(columns, name, value)
		{
			size_t		outer = enter(r, name);

			if (!read_column(r, name, value, &table->columns[table->ncolumns++]))
				return false;
			r->place[outer] = '\0';
		}
		r->place[place] = '\0';
	}
	if (key && !json_is_array(key))
		return bad(r, "key", "a list of columns is expected");
	table->key = keep(r, json_array_size(key) + 1, sizeof(char *));
	for (size_t i = 0; table->key && i < json_array_size(key); i++)
	{
		table->key[i] = json_string_value(json_array_get(key, i));
		if (!table->key[i] || !(table->infer || http_column(table, table->key[i])))
			return bad(r, "key", "a list of columns is expected");
	}
	return table->key != NULL;
}

static bool
read_paging(Reading *r, const json_t *object, HttpTable *table)
{
	json_t	   *value = json_object_get(object, "paging");
	HttpPaging *p = &table->paging;
	size_t		place = enter(r, "paging");
	int			type,
				stop,
				from,
				in;
	JsonPath	path;

	p->max_pages = INT64_MAX;
	if (value)
	{
		if (!check_names(r, value, "type in from param size_param limit_param size start path last more total stop max_pages "
						 "records places") ||
			!take_word(r, value, "type", "none|page|offset|cursor|next_link|link_header|list", &type) ||
			!take_word(r, value, "in", "query|body", &in) || !take_word(r, value, "from", "reply|record", &from) ||
			!take_string(r, value, "param", NULL, &p->param) ||
			!take_string(r, value, "size_param", NULL, &p->size_param) ||
			!take_string(r, value, "limit_param", NULL, &p->limit_param) ||
			!take_integer(r, value, "size", 0, 1, &p->size) ||
			!take_integer(r, value, "start", type == PAGING_PAGE ? 1 : 0, 0, &p->start) ||
			!take_member_path(r, value, "path", &path) || !take_member_path(r, value, "last", &p->last) ||
			!take_member_path(r, value, "more", &p->more) || !take_member_path(r, value, "total", &p->total) ||
			!take_word(r, value, "stop", "empty|short", &stop) ||
			!take_integer(r, value, "max_pages", INT64_MAX, 1, &p->max_pages))
			return false;
		p->type = (HttpPagingType) type;
		p->next = path;
		if (!read_sites(r, value, table))
			return false;
		p->stop_short = stop == 1;
		p->from_record = from == 1;
		if (p->from_record && type != PAGING_CURSOR)
			return bad(r, "from", "it is of cursors");
		if ((type == PAGING_PAGE || type == PAGING_OFFSET || type == PAGING_CURSOR) && !p->param)
			return bad(r, "param", "the parameter's name is missing");
		if ((type == PAGING_CURSOR || type == PAGING_NEXT_LINK || type == PAGING_LIST) && !p->next)
			return bad(r, "path", "where the reply tells the next page is missing");
		if (p->total && type != PAGING_PAGE && type != PAGING_OFFSET)
			return bad(r, "total", "it is for page and offset");
		p->in_body = in == 1;
		if (p->in_body && (!take_member_path(r, value, "param", &p->param_at) ||
						   !take_member_path(r, value, "size_param", &p->size_at) ||
						   !take_member_path(r, value, "limit_param", &p->limit_at)))
			return false;
		if (p->limit_param && table->unnest)
			return bad(r, "limit_param", "it counts records, of which each may have any number of rows");
		if (p->in_body && !table->body)
			return bad(r, "in", "the table has no body");
		if ((p->size_param || p->stop_short) && !p->size)
			return bad(r, "size", "the number of records of a page is missing");
	}
	r->place[place] = '\0';
	return true;
}

/* The operators that a filter is for: "= in >=". */
static bool
take_operators(Reading *r, const char *name, uint32_t *ops)
{
	char		word[8];

	while (*name)
	{
		size_t		size = strcspn(name, " ");

		snprintf(word, sizeof(word), "%.*s", (int) (size < sizeof(word) ? size : sizeof(word) - 1), name);
		if (size && !http_operator(word))
			return bad(r, name, "there is no such operator; there are = <> < <= > >= in, divided by blanks");
		*ops |= http_operator(word);
		name += size + (name[size] == ' ');
	}
	return true;
}

/* Filters of which the column's name begins so are for any column of one of these types. */
#define TYPE_PREFIX "type:"

/* A list of the least and the most; "type" in place of the most: the argument of the column's type. */
static bool
take_range(Reading *r, const json_t *object, const char *name, int64_t *range)
{
	const json_t *list = json_object_get(object, name);
	const json_t *most = json_array_get(list, 1);
	bool		of_type = json_is_string(most) && strcmp(json_string_value(most), "type") == 0;

	if (!list)
		return true;
	if (json_array_size(list) != 2 || !json_is_integer(json_array_get(list, 0)) || (!json_is_integer(most) && !of_type))
		return bad(r, name, "a list of the least and the most is expected");
	range[0] = json_integer_value(json_array_get(list, 0));
	range[1] = of_type ? -1 : json_integer_value(most);
	return true;
}

static bool
read_filter(Reading *r, const HttpTable *table, const char *column, const json_t *value, HttpFilter *filter)
{
	bool		path;
	int64_t		step;

	filter->column = column;
	filter->length[1] = filter->within[1] = INT64_MAX;
	filter->within[0] = INT64_MIN;
	if (strncmp(column, TYPE_PREFIX, sizeof(TYPE_PREFIX) - 1) == 0)
	{
		filter->column = NULL;
		filter->types = column + sizeof(TYPE_PREFIX) - 1;
		filter->form = http_type_form(http_local_type(table->types, filter->types));
		if (filter->form == CK_NULL)
			return bad(r, "", "values of the type have no local type that conditions are sent for");
	}
	if (json_is_string(value))
	{
		filter->param = json_string_value(value);
		return true;
	}
	if (!check_names(r, value, "param path body value clause format widen join most exact required given step length within") ||
		!take_string(r, value, "param", NULL, &filter->param) || !take_boolean(r, value, "path", &path) ||
		!take_string(r, value, "clause", NULL, &filter->clause) ||
		!read_format(r, value, filter) || !take_string(r, value, "join", NULL, &filter->join) ||
		!take_integer(r, value, "most", 0, 1, &filter->most) ||
		!take_boolean(r, value, "exact", &filter->exact) || !take_boolean(r, value, "required", &filter->required) ||
		!take_boolean(r, value, "given", &filter->given))
		return false;
	filter->value = json_object_get(value, "value");
	if (!take_member_path(r, value, "body", &filter->body) || !check_json(r, "value", filter->value, table) ||
		!take_integer(r, value, "step", 0, 1, &step) || !take_range(r, value, "length", filter->length) ||
		!take_range(r, value, "within", filter->within))
		return false;
	filter->step = (int) step;
	if (step > (int64_t) table->nbefore)
		return bad(r, "step", "there is no such request before the pages");
	if ((!filter->column || json_object_get(value, "length") || json_object_get(value, "within")) &&
		(filter->exact || filter->required || path))
		return bad(r, "", "what not every value is sent for is neither exact nor required");
	filter->wrap = !filter->param && !path && !filter->body && filter->value ? table->condition : NULL;
	if (!filter->param && !path && !filter->body && filter->value)
		filter->body = table->conditions;
	if ((filter->param != NULL) + path + (filter->body != NULL) + (filter->clause != NULL) != 1)
		return bad(r, "param", "one is expected: the name of a parameter, \"path\": true, a place in the body, or a clause");
	if (filter->clause && !check_clause(r, filter, table))
		return false;
	if (filter->value && !filter->body)
		return bad(r, "value", "it is for a place in the body");
	/* without it the path is not whole */
	filter->required |= path;
	filter->given |= path;
	if (path && filter->ops != FILTER_EQUAL)
		return bad(r, "path", "only a value that is equal can stand in the path");
	return true;
}

bool
http_in_path(const HttpFilter *filter)
{
	return !filter->param && !filter->body && !filter->clause;
}

/* The columns without whose values nothing can be asked. */
static bool
list_required(Reading *r, HttpTable *table)
{
	const char **required = keep(r, table->nfilters + 1, sizeof(char *));
	size_t		n = 0;

	for (size_t i = 0; required && i < table->nfilters; i++)
		if (table->filters[i].required)
			required[n++] = table->filters[i].column;
	table->sql.required = required;
	return required != NULL;
}

/* Where a record has a column: without columns of the table's own, its name is the path. */
static bool
find_path(Reading *r, const HttpTable *table, const char *name, JsonPath *path)
{
	const HttpColumn *column = http_column(table, name);
	json_t	   *text;
	bool		good;

	if (column)
	{
		*path = column->path;
		return true;
	}
	text = json_string(name);
	good = take_path(r, text, name, path);
	json_decref(text);
	return good;
}

/* Where filters put their values, unless they say another place: {"body": path, "value": JSON}. */
static bool
read_conditions(Reading *r, const json_t *object, HttpTable *table)
{
	const json_t *value = json_object_get(object, "conditions");
	size_t		place = enter(r, "conditions");

	if (value)
	{
		if (!check_names(r, value, "body value") || !take_member_path(r, value, "body", &table->conditions))
			return false;
		table->condition = json_object_get(value, "value");
		if (!table->conditions || !check_json(r, "value", table->condition, table))
			return table->conditions ? false : bad(r, "body", "the place in the body is missing");
	}
	r->place[place] = '\0';
	return true;
}

/* {"column": {"=": "parameter", ">= >": {…}}} */
static bool
read_filters(Reading *r, const json_t *object, HttpTable *table)
{
	json_t	   *columns = json_object_get(object, "filters");
	size_t		place = enter(r, "filters"),
				count = 0;
	const char *column,
			   *ops;
	json_t	   *value,
			   *filter;
	JsonPath	path;

	if (columns && !json_is_object(columns))
		return bad(r, "", "an object is expected");
	json_object_foreach(columns, column, value)
		count += json_object_size(value);
	table->filters = keep(r, count, sizeof(HttpFilter));
	if (!table->filters)
		return false;
	json_object_foreach(columns, column, value)
	{
		size_t		outer = enter(r, column);
		bool		of_type = strncmp(column, TYPE_PREFIX, sizeof(TYPE_PREFIX) - 1) == 0;

		if (!json_is_object(value))
			return bad(r, "", "an object is expected, of operators and what they become");
		if (of_type ? !table->listed : table->columns && !http_column(table, column))
			return bad(r, "", "the table has no such column");
		if (!find_path(r, table, column, &path))
			return false;
		json_object_foreach(value, ops, filter)
		{
			HttpFilter *f = &table->filters[table->nfilters++];

			f->at = of_type ? NULL : path;
			if (!take_operators(r, ops, &f->ops))
				return false;
			(void) enter(r, ops);
			if (!read_filter(r, table, column, filter, f))
				return false;
			r->place[outer + (outer > 0) + strlen(column)] = '\0';
		}
		r->place[outer] = '\0';
	}
	r->place[place] = '\0';
	return list_required(r, table);
}

bool
read_request(Reading *r, const json_t *object, const HttpTable *owner, HttpTable *request)
{
	request->body = json_object_get(object, "body");
	if (request->body && !json_is_object(request->body))
		return bad(r, "body", "an object is expected");
	if (!check_json(r, "body", request->body, owner) ||
		!take_string(r, object, "path", "", &request->path) || !check_text(r, "path", request->path, owner) ||
		!take_string(r, object, "url", NULL, &request->url) || !check_text(r, "url", request->url, owner) ||
		!take_pairs(r, object, "params", owner, &request->params) ||
		!take_pairs(r, object, "headers", owner, &request->headers) ||
		!take_string(r, object, "method", request->body ? "POST" : "GET", &request->method))
		return false;
	return !request->url || !request->path[0] || bad(r, "url", "it takes the place of base_url and path");
}

/* Sees that filters have what they put values into. */
static bool
check_filters(Reading *r, const HttpTable *table)
{
	if (table->clauses.body && !table->body)
		return bad(r, "body", "there is none for the clauses");
	for (size_t i = 0; i < table->nfilters; i++)
	{
		const HttpFilter *filter = &table->filters[i];
		const HttpTable *request = filter->step ? table->before[filter->step - 1].request : table;
		char		braces[HTTP_NAME_LIMIT + 2];

		if (filter->body && !request->body)
			return bad(r, "body", "there is none for what a filter puts into it");
		if (!http_in_path(filter))
			continue;
		snprintf(braces, sizeof(braces), "{%s}", filter->column);
		if (!strstr(table->path, braces) && table->nbefore == 0)
			return bad(r, "path", "it lacks %s, which is said to stand there", braces);
	}
	return true;
}

/* "header": false */
static bool
read_header(Reading *r, const json_t *object, HttpTable *table, bool csv)
{
	const json_t *header = json_object_get(object, "header");

	if (header && !json_is_boolean(header))
		return bad(r, "header", "true or false is expected");
	table->no_header = json_is_false(header);
	if (table->no_header && !csv)
		return bad(r, "header", "it is of CSV");
	return !table->no_header || table->listed || table->ncolumns > 0 ||
		bad(r, "header", "without it the columns have to be named");
}

#define TABLE_MEMBERS "comment method path url params headers body format delimiter header records absent unnest columns key " \
	"paging conditions filters errors error_message rate_limit parent concurrency webhook write clauses order cursor before " \
	"after take"

bool
read_table(Reading *r, const char *name, const json_t *object, HttpTable *table)
{
	static const char *const all[] = {NULL};
	int			format,
				absent;
	const char *delimiter;

	table->name = name;
	table->sql = (CkSql) {
		.filter = http_filter, .quote = '"', .no_schema = true, .typed = table->listed,
		/* years of four digits */
		.limits = {.timestamp_min = -62135596800000000, .timestamp_max = 253402300799999999}
	};
	if (!check_names(r, object, TABLE_MEMBERS) ||
		!take_string(r, object, "comment", NULL, &table->comment) || !list_taken(r, object, table) ||
		!read_columns(r, object, table) || !read_conditions(r, object, table) || !read_clauses(r, object, table) ||
		!read_filters(r, object, table) ||
		!read_request(r, object, table, table) || !read_steps(r, object, table) || !check_filters(r, table) ||
		!take_word(r, object, "format", "json|json_lines|csv|xml", &format) ||
		!take_string(r, object, "delimiter", ",", &delimiter) ||
		!take_member_path(r, object, "records", &table->records) ||
		!take_word(r, object, "absent", "error|empty", &absent) ||
		!take_member_path(r, object, "unnest", &table->unnest) ||
		!read_paging(r, object, table) || !read_order(r, object, table) || !read_cursor(r, object, table) ||
		!read_faults(r, object, &table->faults) || !read_rate_limit(r, object, false, &table->rate_limit) ||
		!read_parent(r, object, table) || !take_integer(r, object, "concurrency", 4, 1, &table->concurrency) ||
		!read_webhook(r, object, table) || !read_writes(r, object, table))
		return false;
	if (table->concurrency > HTTP_PAGES)
		return bad(r, "concurrency", "a number from 1 to %d is expected", HTTP_PAGES);
	table->format = (HttpBodyFormat) format;
	table->may_lack = absent == 1;
	table->delimiter = delimiter[0];
	if (strlen(delimiter) != 1 || delimiter[0] == '"' || delimiter[0] == '\n' || delimiter[0] == '\r')
		return bad(r, "delimiter", "one character is expected");
	if (!read_header(r, object, table, format == REPLY_CSV))
		return false;
	if (format == REPLY_CSV && (table->records || table->unnest))
		return bad(r, table->records ? "records" : "unnest", "CSV has no paths");
	if (!table->records)
		table->records = all;
	if (!check_faults(r, &table->faults, table))
		return false;
	return strcmp(table->method, "GET") == 0 || strcmp(table->method, "POST") == 0 ||
		bad(r, "method", "it is none of GET and POST");
}

const HttpColumn *
http_column(const HttpTable *table, const char *name)
{
	for (size_t i = 0; i < table->ncolumns; i++)
		if (strcmp(table->columns[i].name, name) == 0)
			return &table->columns[i];
	return NULL;
}
