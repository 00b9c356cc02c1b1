/*
 * manifest.c: reads manifests, and what of one the options of connkit_http say instead.
 */
#include "http_source.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* A manifest, or a table, on its way in. */
typedef struct Reading
{
	char	   *error;
	size_t		error_size;
	char		place[256];		/* of what is being read: "tables.issues.paging" */
	struct Kept *kept;			/* all memory that it has */
	const CkOption *options;	/* whose values texts may hold */
} Reading;

typedef struct Kept
{
	struct Kept *next;
	max_align_t memory[];
} Kept;

/* Zeroed memory that stays with what is read. */
static void *
keep(Reading *r, size_t count, size_t size)
{
	Kept	   *kept = calloc(1, sizeof(Kept) + (count ? count : 1) * size);

	if (!kept)
	{
		snprintf(r->error, r->error_size, "out of memory");
		return NULL;
	}
	kept->next = r->kept;
	r->kept = kept;
	return kept->memory;
}

static void
drop(Reading *r)
{
	while (r->kept)
	{
		Kept	   *next = r->kept->next;

		free(r->kept);
		r->kept = next;
	}
}

/* Says what is wrong, and where. */
static bool CK_PRINTF(3, 4)
bad(Reading *r, const char *member, const char *format, ...)
{
	char		message[512];
	va_list		args;

	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	snprintf(r->error, r->error_size, "%s%s%s: %s", r->place, r->place[0] && member[0] ? "." : "", member, message);
	return false;
}

/* Goes into a member, and back to the length that it returned. */
static size_t
enter(Reading *r, const char *member)
{
	size_t		length = strlen(r->place);

	snprintf(r->place + length, sizeof(r->place) - length, "%s%s", length ? "." : "", member);
	return length;
}

/* Sees that an object has no other members than these, divided by blanks. */
static bool
check_names(Reading *r, const json_t *object, const char *names)
{
	const char *name;
	json_t	   *value;

	if (!json_is_object(object))
		return bad(r, "", "an object is expected");
	json_object_foreach((json_t *) object, name, value)
	{
		const char *found = names;
		size_t		size = strlen(name);

		while ((found = strstr(found, name)) != NULL)
		{
			if ((found == names || found[-1] == ' ') && (found[size] == ' ' || found[size] == '\0') && size)
				break;
			found++;
		}
		if (!found)
			return bad(r, name, "there is no such setting; there are %s", names);
	}
	return true;
}

/* A member that is a string, or initial. */
static bool
take_string(Reading *r, const json_t *object, const char *name, const char *initial, const char **value)
{
	const json_t *member = json_object_get(object, name);

	*value = initial;
	if (!member || json_is_null(member))
		return true;
	if (!json_is_string(member) || strlen(json_string_value(member)) != json_string_length(member))
		return bad(r, name, "a string is expected");
	*value = json_string_value(member);
	return true;
}

static bool
take_integer(Reading *r, const json_t *object, const char *name, int64_t initial, int64_t least, int64_t *value)
{
	const json_t *member = json_object_get(object, name);

	*value = initial;
	if (!member)
		return true;
	if (!json_is_integer(member) || json_integer_value(member) < least)
		return bad(r, name, "a number of %lld or more is expected", (long long) least);
	*value = json_integer_value(member);
	return true;
}

static bool
take_boolean(Reading *r, const json_t *object, const char *name, bool *value)
{
	const json_t *member = json_object_get(object, name);

	*value = json_is_true(member);
	return !member || json_is_boolean(member) || bad(r, name, "true or false is expected");
}

/* A member that is one of some words, "a|b|c": its number; without the member the first. */
static bool
take_word(Reading *r, const json_t *object, const char *name, const char *words, int *number)
{
	const char *value;
	size_t		size;

	*number = 0;
	if (!take_string(r, object, name, NULL, &value))
		return false;
	if (!value)
		return true;
	for (const char *word = words; *word; word += size + (word[size] == '|'))
	{
		size = strcspn(word, "|");
		if (strlen(value) == size && strncmp(value, word, size) == 0)
			return true;
		(*number)++;
	}
	return bad(r, name, "it is none of %s", words);
}

/* Names divided by dots, or a list of names. */
static bool
take_path(Reading *r, const json_t *value, const char *name, JsonPath *path)
{
	size_t		count = 0;
	const char **names;
	char	  **split;

	if (json_is_array(value))
	{
		names = keep(r, json_array_size(value) + 1, sizeof(char *));
		for (size_t i = 0; names && i < json_array_size(value); i++)
			if (!(names[i] = json_string_value(json_array_get(value, i))))
				return bad(r, name, "a list of names is expected");
		*path = names;
		return names != NULL;
	}
	if (!json_is_string(value))
		return bad(r, name, "a path is expected: names divided by dots, or a list of names");
	split = json_split_path(json_string_value(value));
	if (!split)
		return bad(r, name, "out of memory");
	while (split[count])
		count++;
	names = keep(r, count + 1, sizeof(char *));
	for (size_t i = 0; names && i < count; i++)
	{
		char	   *copy = keep(r, strlen(split[i]) + 1, 1);

		names[i] = copy ? strcpy(copy, split[i]) : NULL;
		if (!copy)
			names = NULL;
	}
	free(split);
	*path = names;
	return names != NULL;
}

static bool
take_member_path(Reading *r, const json_t *object, const char *name, JsonPath *path)
{
	const json_t *member = json_object_get(object, name);

	*path = NULL;
	return !member || take_path(r, member, name, path);
}

const char *
http_next_value(const char *text, const char **name, size_t *size)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";

	for (; (text = strchr(text, '{')) != NULL; text++)
	{
		*name = text + 1;
		*size = strspn(*name, letters);
		if (*size > 0 && (*name)[*size] == '}')
			return text;
	}
	return NULL;
}

const CkOption *
http_option(const CkOption *options, const char *name, size_t size)
{
	for (; options->name; options++)
		if (strlen(options->name) == size && memcmp(options->name, name, size) == 0 &&
			(options->type == CK_OPT_STRING || options->type == CK_OPT_CHOICE))
			return options;
	return NULL;
}

/* Sees that the values in a text are those of options, or of columns that are to stand in the path. */
static bool
check_text(Reading *r, const char *member, const char *text, const HttpTable *table)
{
	const char *name;
	size_t		size;

	while (text && (text = http_next_value(text, &name, &size)) != NULL)
	{
		bool		found = http_option(r->options, name, size) != NULL;

		for (size_t i = 0; table && i < table->nfilters && !found; i++)
			found = http_in_path(&table->filters[i]) && strlen(table->filters[i].column) == size &&
				memcmp(table->filters[i].column, name, size) == 0;
		if (!found)
			return bad(r, member, "\"%.*s\" is no option and no column with a filter in the path", (int) size, name);
		text = name + size;
	}
	return true;
}

/* An object of texts. */
static bool
take_pairs(Reading *r, const json_t *object, const char *member, const HttpTable *table, HttpPair **pairs)
{
	json_t	   *values = json_object_get(object, member);
	size_t		place,
				n = 0;
	const char *name;
	json_t	   *value;

	*pairs = NULL;
	if (!values)
		return true;
	if (!json_is_object(values))
		return bad(r, member, "an object is expected");
	*pairs = keep(r, json_object_size(values) + 1, sizeof(HttpPair));
	if (!*pairs)
		return false;
	place = enter(r, member);
	json_object_foreach(values, name, value)
	{
		if (!json_is_string(value))
			return bad(r, name, "a string is expected");
		if (!check_text(r, name, json_string_value(value), table))
			return false;
		(*pairs)[n++] = (HttpPair) {.name = name, .text = json_string_value(value)};
	}
	r->place[place] = '\0';
	return true;
}

/* The same of all texts in a JSON value. */
static bool
check_json(Reading *r, const char *member, const json_t *json)
{
	bool		good = true;
	const char *name;
	json_t	   *value;

	if (json_is_string(json) && strcmp(json_string_value(json), "{value}") != 0)
		return check_text(r, member, json_string_value(json), NULL);
	if (json_is_object(json))
		json_object_foreach((json_t *) json, name, value)
			good = good && check_json(r, member, value);
	for (size_t i = 0; json_is_array(json) && i < json_array_size(json); i++)
		good = good && check_json(r, member, json_array_get(json, i));
	return good;
}

#define FORMATS "text|unix|unix_ms|date"

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

	if (columns)
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
		if (!table->key[i] || !http_column(table, table->key[i]))
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
				in;
	JsonPath	path;

	p->max_pages = INT64_MAX;
	if (value)
	{
		if (!check_names(r, value, "type in param size_param size start path last more stop max_pages") ||
			!take_word(r, value, "type", "none|page|offset|cursor|next_link|link_header", &type) ||
			!take_word(r, value, "in", "query|body", &in) ||
			!take_string(r, value, "param", NULL, &p->param) ||
			!take_string(r, value, "size_param", NULL, &p->size_param) ||
			!take_integer(r, value, "size", 0, 1, &p->size) ||
			!take_integer(r, value, "start", type == PAGING_PAGE ? 1 : 0, 0, &p->start) ||
			!take_member_path(r, value, "path", &path) || !take_member_path(r, value, "last", &p->last) ||
			!take_member_path(r, value, "more", &p->more) ||
			!take_word(r, value, "stop", "empty|short", &stop) ||
			!take_integer(r, value, "max_pages", INT64_MAX, 1, &p->max_pages))
			return false;
		p->type = (HttpPagingType) type;
		p->next = path;
		p->stop_short = stop == 1;
		if ((type == PAGING_PAGE || type == PAGING_OFFSET || type == PAGING_CURSOR) && !p->param)
			return bad(r, "param", "the parameter's name is missing");
		if ((type == PAGING_CURSOR || type == PAGING_NEXT_LINK) && !p->next)
			return bad(r, "path", "where the reply tells the next page is missing");
		p->in_body = in == 1;
		if (p->in_body && (!take_member_path(r, value, "param", &p->param_at) ||
						   !take_member_path(r, value, "size_param", &p->size_at)))
			return false;
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

static bool
read_filter(Reading *r, const char *column, const json_t *value, HttpFilter *filter)
{
	bool		path;
	int			format;

	filter->column = column;
	if (json_is_string(value))
	{
		filter->param = json_string_value(value);
		return true;
	}
	if (!check_names(r, value, "param path body value format join most exact required given") ||
		!take_string(r, value, "param", NULL, &filter->param) || !take_boolean(r, value, "path", &path) ||
		!take_word(r, value, "format", FORMATS, &format) || !take_string(r, value, "join", NULL, &filter->join) ||
		!take_integer(r, value, "most", 0, 1, &filter->most) ||
		!take_boolean(r, value, "exact", &filter->exact) || !take_boolean(r, value, "required", &filter->required) ||
		!take_boolean(r, value, "given", &filter->given))
		return false;
	filter->format = (HttpFormat) format;
	filter->value = json_object_get(value, "value");
	if (!take_member_path(r, value, "body", &filter->body) || !check_json(r, "value", filter->value))
		return false;
	if ((filter->param != NULL) + path + (filter->body != NULL) != 1)
		return bad(r, "param", "one is expected: the name of a parameter, \"path\": true, or a place in the body");
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
	return !filter->param && !filter->body;
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

		if (!json_is_object(value))
			return bad(r, "", "an object is expected, of operators and what they become");
		if (table->columns && !http_column(table, column))
			return bad(r, "", "the table has no such column");
		json_object_foreach(value, ops, filter)
		{
			HttpFilter *f = &table->filters[table->nfilters++];

			if (!take_operators(r, ops, &f->ops))
				return false;
			(void) enter(r, ops);
			if (!read_filter(r, column, filter, f))
				return false;
			r->place[outer + (outer > 0) + strlen(column)] = '\0';
		}
		r->place[outer] = '\0';
	}
	r->place[place] = '\0';
	return list_required(r, table);
}

/* Statuses that stand for no rows: {"404": "empty"}. */
static bool
read_errors(Reading *r, const json_t *object, HttpTable *table)
{
	json_t	   *errors = json_object_get(object, "errors");
	size_t		n = 0;
	const char *status;
	json_t	   *what;

	if (errors && !json_is_object(errors))
		return bad(r, "errors", "an object is expected");
	json_object_foreach(errors, status, what)
	{
		int			number = atoi(status);

		if (number < 300 || number > 599 || strlen(status) != 3)
			return bad(r, "errors", "\"%s\" is no status of an error", status);
		if (!json_is_string(what) || strcmp(json_string_value(what), "empty") != 0)
			return bad(r, "errors", "a status can only be \"empty\"");
		if (n + 1 >= sizeof(table->empty_status) / sizeof(table->empty_status[0]))
			return bad(r, "errors", "these are too many");
		table->empty_status[n++] = number;
	}
	return true;
}

static bool
read_body(Reading *r, const json_t *object, HttpTable *table)
{
	table->body = json_object_get(object, "body");
	if (table->body && !json_is_object(table->body))
		return bad(r, "body", "an object is expected");
	for (size_t i = 0; i < table->nfilters && !table->body; i++)
		if (table->filters[i].body)
			return bad(r, "body", "there is none for what a filter puts into it");
	return check_json(r, "body", table->body);
}

static bool
read_table(Reading *r, const char *name, const json_t *object, HttpTable *table)
{
	static const char *const all[] = {NULL};
	int			format;
	const char *delimiter;

	table->name = name;
	table->sql = (CkSql) {
		.filter = http_filter, .quote = '"',
		/* years of four digits */
		.limits = {.timestamp_min = -62135596800000000, .timestamp_max = 253402300799999999}
	};
	if (!check_names(r, object, "comment method path params headers body format delimiter records unnest columns key paging "
					 "filters errors") ||
		!take_string(r, object, "comment", NULL, &table->comment) ||
		!read_columns(r, object, table) || !read_filters(r, object, table) || !read_body(r, object, table) ||
		!take_string(r, object, "path", "", &table->path) || !check_text(r, "path", table->path, table) ||
		!take_pairs(r, object, "params", table, &table->params) ||
		!take_pairs(r, object, "headers", table, &table->headers) ||
		!take_string(r, object, "method", table->body ? "POST" : "GET", &table->method) ||
		!take_word(r, object, "format", "json|json_lines|csv", &format) ||
		!take_string(r, object, "delimiter", ",", &delimiter) ||
		!take_member_path(r, object, "records", &table->records) ||
		!take_member_path(r, object, "unnest", &table->unnest) ||
		!read_paging(r, object, table) || !read_errors(r, object, table))
		return false;
	table->format = (HttpBodyFormat) format;
	table->delimiter = delimiter[0];
	if (strlen(delimiter) != 1 || delimiter[0] == '"' || delimiter[0] == '\n' || delimiter[0] == '\r')
		return bad(r, "delimiter", "one character is expected");
	if (format == REPLY_CSV && (table->records || table->unnest))
		return bad(r, table->records ? "records" : "unnest", "CSV has no paths");
	if (!table->records)
		table->records = all;
	if (strcmp(table->method, "GET") != 0 && strcmp(table->method, "POST") != 0)
		return bad(r, "method", "it is none of GET and POST");
	for (size_t i = 0; i < table->nfilters; i++)
		if (table->filters[i].required && http_in_path(&table->filters[i]))
		{
			char		braces[HTTP_NAME_LIMIT + 2];

			snprintf(braces, sizeof(braces), "{%s}", table->filters[i].column);
			if (!strstr(table->path, braces))
				return bad(r, "path", "it lacks %s, which is said to stand there", braces);
		}
	return true;
}

const HttpColumn *
http_column(const HttpTable *table, const char *name)
{
	for (size_t i = 0; i < table->ncolumns; i++)
		if (strcmp(table->columns[i].name, name) == 0)
			return &table->columns[i];
	return NULL;
}

/* A text of which the options' values are those of a server and its user: a session has them. */
static bool
take_session_text(Reading *r, const json_t *object, const char *member, const char **text)
{
	const char *name,
			   *rest;
	size_t		size;

	if (!take_string(r, object, member, "", text) || !check_text(r, member, *text, NULL))
		return false;
	for (rest = *text; (rest = http_next_value(rest, &name, &size)) != NULL; rest = name + size)
		if (http_option(r->options, name, size)->where & CK_ON_TABLE)
			return bad(r, member, "\"%.*s\" is an option of tables", (int) size, name);
	return true;
}

static bool
read_oauth(Reading *r, const json_t *value, HttpAuthRule *auth)
{
	int			grant,
				in;

	if (!check_names(r, value, "type grant token_url client_id client_secret scope refresh_token credentials_in") ||
		!take_word(r, value, "grant", "client_credentials|refresh_token", &grant) ||
		!take_word(r, value, "credentials_in", "body|header", &in) ||
		!take_session_text(r, value, "token_url", &auth->token_url) ||
		!take_session_text(r, value, "client_id", &auth->client_id) ||
		!take_session_text(r, value, "client_secret", &auth->client_secret) ||
		!take_session_text(r, value, "refresh_token", &auth->refresh_token) ||
		!take_session_text(r, value, "scope", &auth->scope))
		return false;
	auth->grant = (HttpGrant) grant;
	auth->in_header = in == 1;
	if (!auth->token_url[0] || !auth->client_id[0])
		return bad(r, auth->token_url[0] ? "client_id" : "token_url", "it is missing");
	return grant != GRANT_REFRESH_TOKEN || auth->refresh_token[0] || bad(r, "refresh_token", "it is missing");
}

static bool
read_aws(Reading *r, const json_t *value, HttpAuthRule *auth)
{
	if (!check_names(r, value, "type region service access_key_id secret_access_key session_token") ||
		!take_session_text(r, value, "region", &auth->region) || !take_session_text(r, value, "service", &auth->service) ||
		!take_session_text(r, value, "access_key_id", &auth->client_id) ||
		!take_session_text(r, value, "secret_access_key", &auth->client_secret) ||
		!take_session_text(r, value, "session_token", &auth->token))
		return false;
	return (auth->region[0] && auth->service[0] && auth->client_id[0] && auth->client_secret[0]) ||
		bad(r, "", "region, service, access_key_id and secret_access_key are needed");
}

/* What proves by the same credential each time. */
static bool
read_plain_auth(Reading *r, const json_t *value, HttpAuthRule *auth)
{
	if (!check_names(r, value, "type user password token name in key") ||
		!take_string(r, value, "user", "", &auth->user) || !take_string(r, value, "password", "", &auth->password) ||
		!take_string(r, value, auth->type == AUTH_API_KEY ? "key" : "token", NULL, &auth->token) ||
		!take_string(r, value, "name", NULL, &auth->name) || !take_string(r, value, "in", "header", &auth->in) ||
		!check_text(r, "user", auth->user, NULL) || !check_text(r, "password", auth->password, NULL) ||
		!check_text(r, "token", auth->token, NULL))
		return false;
	if (auth->type == AUTH_BEARER && !auth->token)
		return bad(r, "token", "the token is missing");
	if (auth->type == AUTH_API_KEY && (!auth->token || !auth->name))
		return bad(r, "", "name and key of an API key are needed");
	return strcmp(auth->in, "header") == 0 || strcmp(auth->in, "query") == 0 || bad(r, "in", "it is none of header and query");
}

static bool
read_auth(Reading *r, const json_t *object, HttpAuthRule *auth)
{
	json_t	   *value = json_object_get(object, "auth");
	size_t		place = enter(r, "auth");
	int			type;

	if (value && !json_is_object(value))
		return bad(r, "", "an object is expected");
	if (value && !take_word(r, value, "type", "none|basic|bearer|api_key|oauth2|aws_sigv4", &type))
		return false;
	auth->type = value ? (HttpAuth) type : AUTH_NONE;
	if (value && !(auth->type == AUTH_OAUTH2 ? read_oauth(r, value, auth) :
				   auth->type == AUTH_AWS_SIGV4 ? read_aws(r, value, auth) : read_plain_auth(r, value, auth)))
		return false;
	r->place[place] = '\0';
	return true;
}

static bool
read_option(Reading *r, const char *name, const json_t *value, CkOption *option)
{
	int			on;
	bool		required,
				secret,
				credential;

	if (!check_names(r, value, "on required secret credential default choices help") ||
		!take_word(r, value, "on", "server|user|table", &on) || !take_boolean(r, value, "required", &required) ||
		!take_boolean(r, value, "secret", &secret) || !take_boolean(r, value, "credential", &credential) ||
		!take_string(r, value, "default", NULL, &option->initial) ||
		!take_string(r, value, "choices", NULL, &option->choices) ||
		!take_string(r, value, "help", "", &option->help))
		return false;
	if (strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") != strlen(name) || strlen(name) >= HTTP_NAME_LIMIT)
		return bad(r, "", "an option's name is made of the letters a-z, digits and underscores");
	if (secret && on != 1)
		return bad(r, "on", "a secret belongs into user mappings: \"user\"");
	option->name = name;
	option->type = option->choices ? CK_OPT_CHOICE : CK_OPT_STRING;
	option->where = (on == 0 ? CK_ON_SERVER : on == 1 ? CK_ON_USER : CK_ON_TABLE) | (required ? CK_REQUIRED : 0) |
		(secret ? CK_SECRET : 0) | (credential ? CK_CREDENTIAL : 0);
	return true;
}

/* The manifest's options behind those that every source over HTTP has. */
static bool
read_options(Reading *r, const json_t *object, HttpManifest *manifest)
{
	json_t	   *values = json_object_get(object, "options");
	size_t		place = enter(r, "options"),
				count = 0,
				own = 0;
	const char *name;
	json_t	   *value;
	CkOption   *options;

	if (values && !json_is_object(values))
		return bad(r, "", "an object is expected");
	while (http_common_options[count].name)
		count++;
	options = keep(r, count + json_object_size(values) + 1, sizeof(CkOption));
	if (!options)
		return false;
	memcpy(options, http_common_options, count * sizeof(CkOption));
	json_object_foreach(values, name, value)
	{
		size_t		outer = enter(r, name);

		for (size_t i = 0; i < count; i++)
			if (strcmp(options[i].name, name) == 0)
				return bad(r, "", "every source over HTTP has an option of that name");
		options[count].offset = offsetof(HttpOptions, values) + own * sizeof(char *);
		if (!read_option(r, name, value, &options[count]))
			return false;
		count++;
		own++;
		r->place[outer] = '\0';
	}
	r->place[place] = '\0';
	manifest->pub.options = r->options = options;
	manifest->pub.options_size = sizeof(HttpOptions) + own * sizeof(char *);
	return true;
}

static bool
read_tables(Reading *r, const json_t *object, HttpManifest *manifest)
{
	json_t	   *tables = json_object_get(object, "tables");
	size_t		place = enter(r, "tables");
	const char *name,
			   *check;
	json_t	   *value;

	if (!json_is_object(tables) || json_object_size(tables) == 0)
		return bad(r, "", "an object with at least one table is expected");
	manifest->tables = keep(r, json_object_size(tables), sizeof(HttpTable));
	if (!manifest->tables)
		return false;
	json_object_foreach(tables, name, value)
	{
		size_t		outer = enter(r, name);

		if (!read_table(r, name, value, &manifest->tables[manifest->ntables++]))
			return false;
		if (manifest->tables[manifest->ntables - 1].columns == NULL)
			return bad(r, "columns", "the columns are missing");
		r->place[outer] = '\0';
	}
	r->place[place] = '\0';
	if (!take_string(r, object, "check", NULL, &check))
		return false;
	for (size_t i = 0; check && i < manifest->ntables; i++)
		if (strcmp(manifest->tables[i].name, check) == 0)
			manifest->check = &manifest->tables[i];
	if (check && !manifest->check)
		return bad(r, "check", "there is no such table");
	return !check || !manifest->check->sql.required[0] || bad(r, "check", "the table can only be asked for given values");
}

static bool
read_manifest(Reading *r, const json_t *json, HttpManifest *m)
{
	int64_t		edition;
	const char *name,
			   *docs;

	if (!check_names(r, json, "manifest name version title docs options base_url auth headers tables check") ||
		!take_integer(r, json, "manifest", 0, 1, &edition) ||
		!take_string(r, json, "name", NULL, &name) || !take_string(r, json, "version", NULL, &m->pub.version) ||
		!take_string(r, json, "title", name, &m->pub.title) || !take_string(r, json, "docs", NULL, &docs) ||
		!take_string(r, json, "base_url", NULL, &m->base_url) || !read_options(r, json, m))
		return false;
	if (edition != 1)
		return bad(r, "manifest", "1 is expected, the edition of what a manifest holds");
	if (!name || !m->pub.version || !m->base_url)
		return bad(r, !name ? "name" : !m->base_url ? "base_url" : "version", "it is missing");
	m->pub.name = name;
	return check_text(r, "base_url", m->base_url, NULL) && read_auth(r, json, &m->auth) &&
		take_pairs(r, json, "headers", NULL, &m->headers) && read_tables(r, json, m);
}

const CkConnector *
http_from_manifest(const char *text, size_t size, char *error, size_t error_size)
{
	Reading		r = {.error = error, .error_size = error_size};
	json_error_t fault;
	json_t	   *json = json_loadb(text, size, JSON_REJECT_DUPLICATES, &fault);
	HttpManifest *m;

	if (!json)
	{
		snprintf(error, error_size, "it is no JSON: %s at line %d", fault.text, fault.line);
		return NULL;
	}
	m = keep(&r, 1, sizeof(*m));
	if (m)
		m->pub = http_ad_hoc.pub;
	if (m && read_manifest(&r, json, m))
	{
		m->pub.from_manifest = NULL;
		m->pub.caps |= CK_DISCOVER;
		return &m->pub;
	}
	drop(&r);
	json_decref(json);
	return NULL;
}

/* Puts an option's text into the object that describes a table: as JSON where it is an object or a list, else as a string. */
static bool
put_option(Reading *r, json_t *object, const char *name, const char *text, bool object_wanted)
{
	json_t	   *value;
	json_error_t fault;

	if (!text)
		return true;
	if (object_wanted || text[0] == '[')
	{
		value = json_loads(text, JSON_REJECT_DUPLICATES, &fault);
		if (!value)
			return bad(r, name, "the option is no JSON: %s", fault.text);
	}
	else
		value = json_string(text);
	return (value && json_object_set_new(object, name, value) == 0) || bad(r, name, "out of memory");
}

/* A paging that needs no more than its name may be told as that. */
static bool
put_paging(Reading *r, json_t *object, const char *text)
{
	json_t	   *value;

	if (!text || text[0] == '{')
		return put_option(r, object, "paging", text, true);
	value = json_pack("{s:s}", "type", text);
	return (value && json_object_set_new(object, "paging", value) == 0) || bad(r, "paging", "it is no text");
}

/* What the options of a table of connkit_http say, as a manifest would. */
static json_t *
table_of_options(Reading *r, const HttpOptions *o)
{
	json_t	   *object = json_pack("{}");

	if (object && put_option(r, object, "method", o->method, false) && put_option(r, object, "path", o->path, false) &&
		put_option(r, object, "params", o->params, true) && put_option(r, object, "headers", o->table_headers, true) &&
		put_option(r, object, "body", o->body, true) &&
		put_option(r, object, "format", o->format, false) && put_option(r, object, "delimiter", o->delimiter, false) &&
		put_option(r, object, "records", o->records, false) &&
		put_option(r, object, "unnest", o->unnest, false) && put_paging(r, object, o->paging) &&
		put_option(r, object, "filters", o->filters, true) && put_option(r, object, "errors", o->errors, true))
		return object;
	json_decref(object);
	return NULL;
}

/* Tables of connkit_http that were asked for, by what their options say. */
typedef struct Known
{
	struct Known *next;
	char	   *text;
	HttpTable	table;
} Known;

static const HttpTable *
ad_hoc_table(const HttpOptions *options, char *error, size_t error_size)
{
	static Known *known = NULL;
	Reading		r = {.error = error, .error_size = error_size, .options = http_ad_hoc.pub.options};
	json_t	   *object = table_of_options(&r, options);
	char	   *text = object ? json_dumps(object, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
	Known	   *found = known;

	while (text && found && strcmp(found->text, text) != 0)
		found = found->next;
	if (text && !found && (found = keep(&r, 1, sizeof(*found))) != NULL)
	{
		if (read_table(&r, "", object, &found->table))
		{
			found->text = text;
			found->next = known;
			known = found;
			return &found->table;	/* which has the object's strings */
		}
		found = NULL;
		drop(&r);
	}
	free(text);
	json_decref(object);
	return found ? &found->table : NULL;
}

const HttpTable *
http_table(const CkConnector *connector, const HttpOptions *options, const char *name, char *error, size_t error_size)
{
	const HttpManifest *manifest = (const HttpManifest *) connector;

	if (manifest->ad_hoc)
		return ad_hoc_table(options, error, error_size);
	for (size_t i = 0; i < manifest->ntables; i++)
		if (strcmp(manifest->tables[i].name, name) == 0)
			return &manifest->tables[i];
	snprintf(error, error_size, "the source has no table \"%s\"", name);
	return NULL;
}
