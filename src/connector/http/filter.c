/*
 * filter.c: what of a query's conditions a table's filters take, and what a request text asks for.
 */
#include "http_source.h"

#include <stdio.h>
#include <stdlib.h>

static const struct
{
	const char *name;
	uint32_t	op;
}			operators[] = {
	{"=", FILTER_EQUAL}, {"<>", FILTER_NOT_EQUAL}, {"<", FILTER_LESS}, {"<=", FILTER_LESS_EQUAL}, {">", FILTER_GREATER},
	{">=", FILTER_GREATER_EQUAL}, {"in", FILTER_IN}, {"IN", FILTER_IN}
};

uint32_t
http_operator(const char *op)
{
	for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++)
		if (strcmp(operators[i].name, op) == 0)
			return operators[i].op;
	return 0;
}

/* True where a word is one of those divided by blanks. */
static bool
has_word(const char *words, const char *word)
{
	size_t		size = strlen(word);

	for (const char *found = words; size > 0 && (found = strstr(found, word)) != NULL; found++)
		if ((found == words || found[-1] == ' ') && (found[size] == ' ' || found[size] == '\0'))
			return true;
	return false;
}

const HttpFilter *
http_find_filter(const HttpTable *table, const char *column, const char *source_type, uint32_t op)
{
	HttpSourceType type = {.name = ""};

	if (source_type)
		http_source_type(source_type, &type);
	for (size_t i = 0; i < table->nfilters; i++)
	{
		const HttpFilter *filter = &table->filters[i];

		if ((filter->ops & op) && (filter->column ? strcmp(filter->column, column) == 0 : has_word(filter->types, type.name)))
			return filter;
	}
	/* what must be given is asked for value by value */
	for (size_t i = 0; op == FILTER_IN && i < table->nfilters; i++)
		if (table->filters[i].required && (table->filters[i].ops & FILTER_EQUAL) &&
			strcmp(table->filters[i].column, column) == 0)
			return &table->filters[i];
	return NULL;
}

bool
http_takes_list(const HttpFilter *filter)
{
	return (filter->ops & FILTER_IN) != 0;
}

/* True for types whose equal values may be written in several ways. */
static bool
is_written_variously(CkType type)
{
	return type == CK_NUMERIC || type == CK_FLOAT64 || type == CK_FLOAT32;
}

/* True of the cursor where its ranges are read one by one: a row may come with two of them, and is looked at. */
static bool
is_windowed(const HttpTable *table, const char *column)
{
	return table->cursor.step > 0 && strcmp(table->cursor.column, column) == 0;
}

HttpKind
http_kind(const HttpTable *table, const char *column, CkType type)
{
	const HttpColumn *own = http_column(table, column);
	char		name[64];
	CkType		form;

	if (!own || !own->type)
		return KIND_OWN;
	snprintf(name, sizeof(name), "%.*s", (int) strcspn(own->type, "("), own->type);
	form = http_type_form(name);
	return form == CK_NULL ? KIND_UNKNOWN : form == type ? KIND_OWN : KIND_OTHER;
}

/* True where a value has a form that can be sent, and is read as the source has it: of a real it may be another. */
static bool
can_be_told(const HttpTable *table, const HttpFilter *filter, const char *column, CkType type)
{
	if (type == CK_TIME || (type == CK_FLOAT32 && filter->column))
		return false;
	return filter->column ? http_kind(table, column, type) != KIND_OTHER : filter->form == type;
}

/* True where the value of one condition might be taken for several. */
static bool
may_be_split(const HttpFilter *filter, CkType type)
{
	return filter->param && filter->join && type == CK_TEXT;
}

/*
 * Where several conditions would go into one parameter only one is sent, "=" before others: so no other can be exact. In a query
 * language all have their place.
 */
CkPushed
http_filter(const CkSql *sql, const CkFilter *filter)
{
	uint32_t	op = http_operator(filter->op);
	const HttpFilter *found = http_find_filter((const HttpTable *) sql, filter->column, filter->source_type, op);

	/* a column that is read as another type than its own may be equal where the source's values are not */
	if (!found || !can_be_told((const HttpTable *) sql, found, filter->column, filter->type))
		return CK_NOT_PUSHED;
	/* a row that comes for several requests is known by its value */
	if (op == FILTER_IN && (found->most > 0 || !http_takes_list(found)) &&
		(found->exact ? is_written_variously(filter->type) :
		 !found->at || (filter->type != CK_INT64 && filter->type != CK_TEXT)))
		return CK_NOT_PUSHED;
	/* a day, or a second, stands for all its moments */
	return found->exact && !is_windowed((const HttpTable *) sql, filter->column) && (op == FILTER_EQUAL || found->clause) &&
		found->format == FORMAT_PLAIN && !found->widen && !is_written_variously(filter->type) &&
		!may_be_split(found, filter->type) &&
		(!found->column || http_kind((const HttpTable *) sql, filter->column, filter->type) == KIND_OWN) ?
		CK_PUSHED_EXACT : CK_PUSHED;
}

bool
http_next_word(const char **text, char *word, size_t room, bool *quoted)
{
	size_t		size = 0;
	const char *c = *text + strspn(*text, " ,()");

	*quoted = *c == '"';
	if (*quoted)
		for (c++; *c; c++)
		{
			if (*c == '"' && *++c != '"')
				break;
			if (size + 1 < room)
				word[size++] = *c;
		}
	else
		for (; *c && !strchr(" ,()", *c); c++)
			if (size + 1 < room)
				word[size++] = *c;
	word[size] = '\0';
	*text = c;
	return size > 0 || *quoted;
}

/* The source type behind a column's name, ::"type"; without one, "". */
static void
next_type(const char **text, char *type, size_t room)
{
	bool		quoted;

	type[0] = '\0';
	if (strncmp(*text, "::\"", 3) != 0)
		return;
	*text += 2;
	http_next_word(text, type, room, &quoted);
}

/* True where two filters put one value into the same place of the body. */
static bool
same_path(JsonPath a, JsonPath b)
{
	size_t		size = 0;

	for (; *a && *b && strcmp(*a, *b) == 0; a++, b++)
		size = strlen(*a);
	return !*a && !*b && !(size > 2 && strcmp(a[-1] + size - 2, "[]") == 0);
}

/* True where two conditions go into the same place of a request. */
static bool
same_place(const HttpCondition *a, const HttpCondition *b)
{
	const HttpFilter *f = a->filter,
			   *g = b->filter;

	if (f->step != g->step && !http_in_path(f) && !http_in_path(g))
		return false;
	if (f->param && g->param)
		return strcmp(f->param, g->param) == 0;
	if (f->clause || g->clause)
		return false;
	if (f->body && g->body)
		return (f == g && strcmp(http_column_of(a), http_column_of(b)) == 0) || same_path(f->body, g->body);
	return http_in_path(f) && http_in_path(g) && strcmp(http_column_of(a), http_column_of(b)) == 0;
}

HttpValues
http_values_from(const HttpCondition *condition, const CkValue *args)
{
	uint32_t	left = condition->nall - (uint32_t) (args - condition->all);
	int64_t		most = condition->op == FILTER_EQUAL ? 1 : condition->filter->most;

	return (HttpValues) {.args = args, .nargs = most > 0 && left > most ? (uint32_t) most : left};
}

const char *
http_column_of(const HttpCondition *condition)
{
	return condition->column ? condition->column : condition->filter->column;
}

void
http_condition_free(HttpCondition *condition)
{
	free(condition->all);
	free(condition->column);
	free(condition->field);
}

void
http_conditions_free(HttpScan *http)
{
	for (uint32_t i = 0; i < http->nconditions; i++)
		http_condition_free(&http->conditions[i]);
	http->nconditions = 0;
}

static bool
same_value(const CkValue *a, const CkValue *b)
{
	if (a->type == CK_TEXT || a->type == CK_NUMERIC)
		return a->size == b->size && memcmp(a->u.p, b->u.p, a->size) == 0;
	return a->u.i == b->u.i;
}

/* Keeps those values of a condition that are not NULL, each once: a source might answer twice to one that it is asked twice. */
static bool
take_values(HttpCondition *condition, const CkValue *args, uint32_t nargs)
{
	condition->all = malloc((nargs + 1) * sizeof(CkValue));
	for (uint32_t i = 0; condition->all && i < nargs; i++)
	{
		bool		found = args[i].type == CK_NULL;

		for (uint32_t j = 0; j < condition->nall && !found; j++)
			found = args[i].type == condition->all[j].type && same_value(&args[i], &condition->all[j]);
		if (!found)
			condition->all[condition->nall++] = args[i];
	}
	return condition->all != NULL;
}

/* Units of UTF-16 that a text has. */
static int64_t
utf16_length(const char *text, size_t size)
{
	int64_t		length = 0;

	for (size_t i = 0; i < size; i++)
		length += ((unsigned char) text[i] & 0xC0) == 0x80 ? 0 : (unsigned char) text[i] >= 0xF0 ? 2 : 1;
	return length;
}

bool
http_has_join(const HttpFilter *filter, const CkValue *value)
{
	return (value->type == CK_TEXT || value->type == CK_NUMERIC) && filter->join[0] &&
		memmem(value->u.p, value->size, filter->join, strlen(filter->join)) != NULL;
}

/* Whether the source can be told the condition's values, or another would be meant there. */
static bool
can_be_sent(const HttpCondition *condition, const HttpSourceType *type)
{
	const HttpFilter *filter = condition->filter;
	int64_t		most = filter->length[1] >= 0 ? filter->length[1] : type->argument >= 0 ? type->argument : INT64_MAX;

	for (uint32_t i = 0; i < condition->nall; i++)
	{
		const CkValue *value = &condition->all[i];
		int64_t		length = value->type == CK_TEXT ? utf16_length(value->u.p, value->size) : 0;

		if (value->type == CK_TEXT && (length < filter->length[0] || length > most))
			return false;
		/* what is a list or an object at the source is read as its JSON */
		if (value->type == CK_TEXT && !filter->column && value->size > 0 && (value->u.p[0] == '[' || value->u.p[0] == '{'))
			return false;
		/* it would be taken for several */
		if (filter->param && filter->join && http_has_join(filter, value))
			return false;
		/* there is nothing to send for the ends of time, which bound nothing */
		if (!filter->exact && (value->type == CK_DATE || value->type == CK_TIMESTAMP || value->type == CK_TIMESTAMPTZ) &&
			(value->u.i == CK_INFINITY || value->u.i == CK_MINUS_INFINITY))
			return false;
		if (value->type == CK_INT64 && (value->u.i < filter->within[0] || value->u.i > filter->within[1]))
			return false;
	}
	return true;
}

/* True for column = value, which may be exact. */
static bool
is_one(const HttpCondition *condition)
{
	return condition->op == FILTER_EQUAL && condition->nall == 1;
}

CkStatus
http_add_condition(CkScan *scan, HttpCondition condition)
{
	HttpScan   *http = scan->state;

	for (uint32_t i = 0; i < http->nconditions; i++)
	{
		HttpCondition *other = &http->conditions[i];

		if (!same_place(other, &condition))
			continue;
		if (strcmp(http_column_of(other), http_column_of(&condition)) != 0)
		{
			(void) ck_fail(scan->session, CK_ERR_UNSUPPORTED, "conditions on \"%s\" and \"%s\" cannot be sent together",
						   http_column_of(other), http_column_of(&condition));
			http_condition_free(&condition);
			return CK_ERR_UNSUPPORTED;
		}
		if (is_one(&condition) && is_one(other) && !is_written_variously(condition.all->type))
			http->nothing |= !same_value(condition.all, other->all);
		if (is_one(&condition) || condition.from > 0)
		{
			HttpCondition swap = *other;

			*other = condition;
			condition = swap;
		}
		http_condition_free(&condition);
		return CK_OK;
	}
	if (http->nconditions == HTTP_CONDITIONS)
	{
		http_condition_free(&condition);
		return ck_fail(scan->session, CK_ERR_UNSUPPORTED, "the request has too many conditions");
	}
	http->conditions[http->nconditions++] = condition;
	return CK_OK;
}

/* Takes a condition of the text, unless the source cannot be told it: it is checked again then. */
static CkStatus
read_condition(CkScan *scan, const char *column, const char *source_type, const char *op, const CkValue *args, uint32_t nargs)
{
	HttpScan   *http = scan->state;
	HttpCondition condition = {.op = http_operator(op)};
	HttpSourceType type = {.argument = -1};

	condition.filter = http_find_filter(http->table, column, source_type[0] ? source_type : NULL, condition.op);
	if (!condition.filter)
		return ck_fail(scan->session, CK_ERR_INTERNAL, "the request has a condition on \"%s\" that there is no filter for",
					   column);
	if (condition.op == FILTER_IN && !http_takes_list(condition.filter))
		condition.op = FILTER_EQUAL;
	http_source_type(source_type, &type);
	condition.column = condition.filter->column ? NULL : strdup(column);
	condition.field = type.field ? strndup(type.field, type.field_size) : NULL;
	if ((!condition.filter->column && !condition.column) || (type.field && !condition.field) ||
		!take_values(&condition, args, nargs))
	{
		http_condition_free(&condition);
		return ck_fail(scan->session, CK_ERR_MEMORY, "out of memory");
	}
	/* nothing is equal to NULL, nor less */
	http->nothing |= condition.nall == 0;
	if (can_be_sent(&condition, &type))
		return http_add_condition(scan, condition);
	http_condition_free(&condition);
	/* without it there are more rows; but what must be told is */
	if (condition.filter->required)
		return ck_fail(scan->session, CK_ERR_DATA, "a value of \"%s\" cannot stand in a request", column);
	return CK_OK;
}

/* Sees that what must be told is. */
static CkStatus
check_required(CkScan *scan)
{
	HttpScan   *http = scan->state;

	for (const char *const *required = http->table->sql.required; required && *required; required++)
	{
		bool		found = false;

		for (uint32_t i = 0; i < http->nconditions; i++)
			found |= strcmp(http_column_of(&http->conditions[i]), *required) == 0;
		if (found)
			continue;
		ck_fail(scan->session, CK_ERR_QUERY, "table \"%s\" can only be asked for given values of \"%s\"", http->name,
				*required);
		ck_hint(scan->session, "Add a condition column = value on it, or join it with a table that has the values.");
		return CK_ERR_QUERY;
	}
	return CK_OK;
}

void
http_read_name(CkScan *scan)
{
	HttpScan   *http = scan->state;
	const char *text = scan->remote;
	char		word[sizeof(http->name)];
	bool		quoted,
				from = false;

	snprintf(http->name, sizeof(http->name), "%s", scan->table_name ? scan->table_name : "");
	while (!scan->table_name && text && http_next_word(&text, word, sizeof(word), &quoted))
	{
		if (from)
		{
			memcpy(http->name, word, sizeof(http->name));
			return;
		}
		from = !quoted && strcmp(word, "FROM") == 0;
	}
}

/* True for the word behind the conditions. */
static bool
ends_conditions(const char *word)
{
	return strcmp(word, "ORDER") == 0 || strcmp(word, "LIMIT") == 0;
}

CkStatus
http_read_request(CkScan *scan)
{
	HttpScan   *http = scan->state;
	const char *text = scan->remote;
	char		word[256],
				column[256],
				type[256] = "";
	char		op[8] = "";
	bool		quoted;
	uint32_t	arg = 0,
				first = 0;
	CkStatus	status = CK_OK;
	enum
	{
		IN_LIST, IN_FROM, IN_CONDITIONS, IN_ORDER, IN_LIMIT
	}			part = IN_LIST;

	http->limit = INT64_MAX;
	http->order = NULL;
	column[0] = '\0';
	while (text && status == CK_OK && http_next_word(&text, word, sizeof(word), &quoted))
	{
		if (part == IN_LIST || part == IN_FROM)
		{
			if (!quoted && strcmp(word, "FROM") == 0)
				part = IN_FROM;
			else if (!quoted && part == IN_FROM && (strcmp(word, "WHERE") == 0 || ends_conditions(word)))
				part = word[0] == 'W' ? IN_CONDITIONS : word[0] == 'O' ? IN_ORDER : IN_LIMIT;
			continue;
		}
		if (part == IN_LIMIT)
			http->limit = word[0] == '?' && arg < scan->nargs ? scan->args[arg].u.i : atoll(word);
		else if (part == IN_ORDER && quoted)
			memcpy(column, word, sizeof(column));
		else if (part == IN_ORDER && (strcmp(word, "ASC") == 0 || strcmp(word, "DESC") == 0))
			status = http_take_order(scan, column, word[0] == 'D');
		else if (part == IN_ORDER)
			part = strcmp(word, "LIMIT") == 0 ? IN_LIMIT : IN_ORDER;
		else if (quoted || strcmp(word, "AND") == 0 || ends_conditions(word))
		{
			if (column[0] && arg > first)
				status = read_condition(scan, column, type, op, scan->args + first, arg - first);
			first = arg;
			column[0] = type[0] = '\0';
			if (quoted)
			{
				memcpy(column, word, sizeof(column));
				next_type(&text, type, sizeof(type));
			}
			else if (word[0] != 'A')
				part = word[0] == 'O' ? IN_ORDER : IN_LIMIT;
		}
		else if (word[0] == '?')
			arg += arg < scan->nargs;
		else
			memcpy(op, word, sizeof(op) - 1);
	}
	if (status == CK_OK && part == IN_CONDITIONS && column[0] && arg > first)
		status = read_condition(scan, column, type, op, scan->args + first, arg - first);
	http->wanted = http->limit;
	http->nothing |= http->limit <= 0;
	return status == CK_OK ? check_required(scan) : status;
}
