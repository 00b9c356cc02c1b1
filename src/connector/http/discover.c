/*
 * discover.c: tells which tables there are: those of the manifest, and those that the source lists.
 */
#include "discover.h"

#include <stdio.h>
#include <stdlib.h>

/* A column that the source describes. */
typedef struct Found
{
	char	   *name;
	char	   *type;			/* at the source */
	const char *local_type;
	char	   *comment;		/* or NULL */
	uint32_t	times;			/* records that describe it */
	bool		differs;		/* not all in the same way */
} Found;

/* What is being found out. */
typedef struct Walk
{
	CkSession  *session;
	CkCatalog  *catalog;
	const HttpList *list;
	const JsonRecord *record;	/* at hand */
	Found	   *found;			/* columns of the table at hand */
	size_t		nfound;
	uint32_t	records;		/* that describe it */
	char	  **names;			/* of the tables so far */
	size_t		nnames;
} Walk;

CkStatus
records_open(CkSession *session, const HttpTable *request, const char *table, Records **result)
{
	HttpSession *state = session->state;
	Records    *records = calloc(1, sizeof(*records));

	*result = records;
	if (!records)
		return ck_fail(session, CK_ERR_MEMORY, "out of memory");
	records->http.manifest = (const HttpManifest *) session->connector;
	records->http.options = session->options;
	records->http.server_headers = state->headers;
	records->http.table = request;
	records->http.page = records->http.pages;
	records->http.limit = records->http.wanted = INT64_MAX;
	snprintf(records->http.name, sizeof(records->http.name), "%s", table);
	records->scan = (CkScan) {
		.session = session, .options = session->options, .table_name = records->http.name, .state = &records->http
	};
	return http_first_page(&records->scan);
}

CkStatus
records_next(Records *records, bool all)
{
	CkStatus	status;

	while ((status = http_next_record(&records->scan)) == CK_END && all)
		if ((status = http_next_page(&records->scan)) != CK_OK)
			return status;
	return status;
}

void
records_free(Records *records)
{
	if (!records)
		return;
	http_end_page(records->http.page);
	(void) http_give_back(&records->scan, true);
	http_page_free(records->http.page);
	free(records);
}

static CkStatus
fail_memory(Walk *walk)
{
	return ck_fail(walk->session, CK_ERR_MEMORY, "out of memory");
}

/* A copy of the text at a path; NULL: there is none. */
static char *
text_at(const JsonRecord *record, uint32_t node, JsonPath path)
{
	uint32_t	number = path && node ? json_find(record, node, path) : 0;
	const JsonNode *found = &record->nodes[number];

	if (!number || found->kind == JSON_KIND_NULL || found->kind == JSON_KIND_OBJECT || found->kind == JSON_KIND_LIST)
		return NULL;
	return strndup(record->bytes + found->text, found->text_size);
}

static bool
is_named(const JsonRecord *record, const JsonNode *node, const char *name)
{
	return name && strlen(name) == node->name_size && memcmp(record->bytes + node->name, name, node->name_size) == 0;
}

/* The member of a type that is its argument, or NULL. */
static const char *
argument_of(const HttpList *list, const char *type)
{
	for (const HttpPair *a = list->arguments; a && a->name; a++)
		if (strcmp(a->name, type) == 0)
			return a->text;
	return NULL;
}

/* True where a member of a column's description does not change what conditions on it mean, or is told otherwise. */
static bool
is_plain(const Walk *walk, const JsonNode *member, const char *argument)
{
	const HttpList *list = walk->list;

	for (const char *const *plain = list->plain; plain && *plain; plain++)
		if (is_named(walk->record, member, *plain))
			return true;
	return !list->plain || is_named(walk->record, member, argument) ||
		is_named(walk->record, member, list->column_type ? list->column_type[0] : NULL) ||
		is_named(walk->record, member, list->inner ? list->inner[0] : NULL) ||
		is_named(walk->record, member, list->variants ? list->variants[0] : NULL);
}

/* Writes the type of a column that is described by a node. */
static void
write_type(Walk *walk, uint32_t node, HttpText *text)
{
	const JsonRecord *record = walk->record;
	char	   *type = text_at(record, node, walk->list->column_type);
	const char *argument = type ? argument_of(walk->list, type) : NULL;
	const char *const path[] = {argument, NULL};
	char	   *value = argument ? text_at(record, node, path) : NULL;

	text_string(text, type ? type : walk->list->inner ? "object" : "");
	if (value)
	{
		text_string(text, "(");
		text_string(text, value);
		text_string(text, ")");
	}
	for (uint32_t i = record->nodes[node].kind == JSON_KIND_OBJECT ? record->nodes[node].first : 0; i; i = record->nodes[i].next)
	{
		if (is_plain(walk, &record->nodes[i], argument))
			continue;
		text_string(text, " ");
		text_append(text, record->bytes + record->nodes[i].name, record->nodes[i].name_size);
	}
	free(type);
	free(value);
}

/* Adds another form in which the source keeps the column, if that has filters and the column's own has none. */
static void
write_variant(Walk *walk, uint32_t node, const char *name, HttpText *text)
{
	const JsonRecord *record = walk->record;
	const HttpTable *table = &walk->list->table;
	uint32_t	variants = walk->list->variants ? json_find(record, node, walk->list->variants) : 0;

	if (!variants || record->nodes[variants].kind != JSON_KIND_OBJECT || !text->data ||
		http_find_filter(table, name, text->data, ~0u))
		return;
	for (uint32_t i = record->nodes[variants].first; i; i = record->nodes[i].next)
	{
		HttpText	type = {0};
		bool		taken;

		write_type(walk, i, &type);
		taken = type.data && http_find_filter(table, name, type.data, ~0u);
		if (taken)
		{
			text_string(text, ", ");
			text_string(text, name);
			text_string(text, ".");
			text_append(text, record->bytes + record->nodes[i].name, record->nodes[i].name_size);
			text_string(text, " ");
			text_string(text, type.data);
		}
		text_free(&type);
		if (taken)
			return;
	}
}

/* Takes a column that a record describes; one that is known may have another type now. */
static CkStatus
take_column(Walk *walk, const char *name, uint32_t node)
{
	HttpText	text = {0};
	const char *local_type;
	Found	   *found = NULL;

	write_type(walk, node, &text);
	write_variant(walk, node, name, &text);
	if (text.failed)
		return fail_memory(walk);
	local_type = http_local_type(walk->list->table.types, text.data ? text.data : "");
	local_type = local_type ? local_type : "text";
	for (size_t i = 0; i < walk->nfound && !found; i++)
		if (strcmp(walk->found[i].name, name) == 0)
			found = &walk->found[i];
	if (found)
	{
		found->differs |= strcmp(found->type, text.data ? text.data : "") != 0;
		if (strcmp(found->local_type, local_type) != 0)
			found->local_type = "text";
		found->times++;
		text_free(&text);
		return CK_OK;
	}
	if ((walk->nfound & (walk->nfound - 1)) == 0)
	{
		Found	   *larger = realloc(walk->found, (walk->nfound ? walk->nfound * 2 : 1) * sizeof(Found));

		if (!larger)
		{
			text_free(&text);
			return fail_memory(walk);
		}
		walk->found = larger;
	}
	walk->found[walk->nfound++] = (Found) {
		.name = strdup(name), .type = strdup(text.data ? text.data : ""), .local_type = local_type, .times = 1,
		.comment = text_at(walk->record, node, walk->list->column_comment)
	};
	text_free(&text);
	found = &walk->found[walk->nfound - 1];
	return found->name && found->type ? CK_OK : fail_memory(walk);
}

/* Takes the columns that the members of an object, or the elements of a list, describe. */
static CkStatus
take_columns(Walk *walk, uint32_t node, const char *outer)
{
	const JsonRecord *record = walk->record;
	const HttpList *list = walk->list;
	CkStatus	status = CK_OK;

	if (record->nodes[node].kind != JSON_KIND_OBJECT && record->nodes[node].kind != JSON_KIND_LIST)
		return CK_OK;
	for (uint32_t i = record->nodes[node].first; i && status == CK_OK; i = record->nodes[i].next)
	{
		const JsonNode *column = &record->nodes[i];
		char	   *own = column->kind == JSON_KIND_STRING ? strndup(record->bytes + column->text, column->text_size) :
			list->column_name ? text_at(record, i, list->column_name) : strndup(record->bytes + column->name, column->name_size);
		uint32_t	inner = list->inner ? json_find(record, i, list->inner) : 0;
		HttpText	name = {0};

		if (!own)
			return ck_fail(walk->session, CK_ERR_PROTOCOL, "a column of a table that the source lists has no name");
		text_string(&name, outer);
		text_string(&name, outer[0] ? "." : "");
		text_string(&name, own);
		free(own);
		if (name.failed)
			return fail_memory(walk);
		status = inner && !(list->column_type && json_find(record, i, list->column_type)) ?
			take_columns(walk, inner, name.data) : take_column(walk, name.data, i);
		text_free(&name);
	}
	return status;
}

/* The columns that a record describes. */
static CkStatus
take_record(Walk *walk, const JsonRecord *record)
{
	uint32_t	node = json_find(record, 1, walk->list->columns_at);

	walk->record = record;
	walk->records++;
	return node ? take_columns(walk, node, "") : CK_OK;
}

static void
forget_columns(Walk *walk)
{
	for (size_t i = 0; i < walk->nfound; i++)
	{
		free(walk->found[i].name);
		free(walk->found[i].type);
		free(walk->found[i].comment);
	}
	free(walk->found);
	walk->found = NULL;
	walk->nfound = walk->records = 0;
}

/* Asks for the columns of a table by a request of their own. */
static CkStatus
ask_columns(Walk *walk, const char *table)
{
	Records    *records;
	CkStatus	status = records_open(walk->session, walk->list->columns, table, &records);

	while (status == CK_OK && (status = records_next(records, true)) == CK_OK)
		status = take_record(walk, records->http.page->record);
	records_free(records);
	return status == CK_END ? CK_OK : status;
}

/* Tells the columns that the manifest has. */
static CkStatus
tell_fixed(CkSession *session, CkCatalog *catalog, const HttpTable *table)
{
	CkStatus	status = CK_OK;

	for (size_t i = 0; i < table->ncolumns && status == CK_OK; i++)
	{
		const HttpColumn *c = &table->columns[i];

		status = ck_column(session, catalog, c->name, c->type, c->type, c->not_null, NULL, c->comment);
	}
	return status;
}

/* Tells the columns that were found. One that not all records describe, or not alike, is of no type that has filters. */
static CkStatus
tell_found(Walk *walk)
{
	CkStatus	status = CK_OK;

	for (size_t i = 0; i < walk->nfound && status == CK_OK; i++)
	{
		const Found *f = &walk->found[i];
		bool		mixed = f->differs || f->times != walk->records;

		if (f->local_type[0] && !http_column(&walk->list->table, f->name))
			status = ck_column(walk->session, walk->catalog, f->name, mixed ? "mixed" : f->type, f->local_type, false, NULL,
							   f->comment);
	}
	return status;
}

static CkStatus
tell_key(Walk *walk, const JsonRecord *record)
{
	uint32_t	list = walk->list->key ? json_find(record, 1, walk->list->key) : 0;
	CkStatus	status = CK_OK;

	for (const char **key = walk->list->table.key; *key && status == CK_OK; key++)
		status = ck_key(walk->session, walk->catalog, "key", 'p', *key);
	for (uint32_t i = list && record->nodes[list].kind == JSON_KIND_LIST ? record->nodes[list].first : 0; i && status == CK_OK;
		 i = record->nodes[i].next)
	{
		char	   *name = strndup(record->bytes + record->nodes[i].text, record->nodes[i].text_size);

		status = name ? ck_key(walk->session, walk->catalog, "key", 'p', name) : fail_memory(walk);
		free(name);
	}
	return status;
}

/* A whole number at a path; -1: there is none. */
static int64_t
number_at(const JsonRecord *record, JsonPath path)
{
	char	   *text = text_at(record, 1, path);
	int64_t		number = text ? atoll(text) : -1;

	free(text);
	return number;
}

/* Whether a record of the list stands for a table. */
static bool
is_table(const HttpList *list, const JsonRecord *record)
{
	bool		good = true;
	const char *names;
	json_t	   *wanted;

	json_object_foreach((json_t *) list->where, names, wanted)
	{
		char	  **path = json_split_path(names);
		char	   *text = path ? text_at(record, 1, (JsonPath) path) : NULL;

		good &= path && (json_is_string(wanted) ? text && strcmp(text, json_string_value(wanted)) == 0 : !text);
		free(text);
		free(path);
	}
	return good;
}

/* Remembers a table's name; false: it was there, or (*status) memory is out. */
static bool
is_new(Walk *walk, const char *name, CkStatus *status)
{
	for (size_t i = 0; i < walk->nnames; i++)
		if (strcmp(walk->names[i], name) == 0)
			return false;
	if ((walk->nnames & (walk->nnames - 1)) == 0)
	{
		char	  **larger = realloc(walk->names, (walk->nnames ? walk->nnames * 2 : 1) * sizeof(char *));

		if (larger)
			walk->names = larger;
		else
			*status = fail_memory(walk);
	}
	if (*status == CK_OK && !(walk->names[walk->nnames++] = strdup(name)))
	{
		walk->nnames--;
		*status = fail_memory(walk);
	}
	return *status == CK_OK;
}

/* Tells a table that a record of the list stands for. */
static CkStatus
tell_listed(Walk *walk, const JsonRecord *record)
{
	const HttpList *list = walk->list;
	char	   *name = list->name ? text_at(record, 1, list->name) :
		strndup(record->bytes + record->nodes[1].name, record->nodes[1].name_size);
	char	   *comment;
	CkStatus	status = CK_OK;

	if (!name || !*name)
	{
		free(name);
		return ck_fail(walk->session, CK_ERR_PROTOCOL, "a table that the source lists has no name");
	}
	if (is_table(list, record) && is_new(walk, name, &status))
	{
		comment = text_at(record, 1, list->comment);
		status = ck_table(walk->session, walk->catalog, list->schema, name, "table", comment, number_at(record, list->rows),
						  number_at(record, list->bytes));
		free(comment);
		if (status == CK_OK && ck_wants(walk->session, walk->catalog, list->schema, name))
		{
			status = list->columns ? ask_columns(walk, name) : take_record(walk, record);
			if (status == CK_OK)
				status = tell_fixed(walk->session, walk->catalog, &list->table);
			if (status == CK_OK)
				status = tell_found(walk);
			forget_columns(walk);
		}
		if (status == CK_OK)
			status = tell_key(walk, record);
	}
	free(name);
	return status;
}

static CkStatus
tell_list(CkSession *session, CkCatalog *catalog, const HttpList *list)
{
	Walk		walk = {.session = session, .catalog = catalog, .list = list};
	Records    *records;
	CkStatus	status = records_open(session, &list->tables, "", &records);

	while (status == CK_OK && (status = records_next(records, true)) == CK_OK)
		status = tell_listed(&walk, records->http.page->record);
	records_free(records);
	for (size_t i = 0; i < walk.nnames; i++)
		free(walk.names[i]);
	free(walk.names);
	return status == CK_END ? CK_OK : status;
}

CkStatus
http_discover(CkSession *session, CkCatalog *catalog)
{
	const HttpManifest *manifest = (const HttpManifest *) session->connector;
	CkStatus	status = CK_OK;

	for (size_t i = 0; i < manifest->ntables && status == CK_OK; i++)
	{
		const HttpTable *table = &manifest->tables[i];

		status = ck_table(session, catalog, "api", table->name, "table", table->comment, -1, -1);
		if (status == CK_OK && !table->infer)
			status = tell_fixed(session, catalog, table);
		else if (status == CK_OK && ck_wants(session, catalog, "api", table->name))
			status = http_infer(session, catalog, table);
		for (const char **key = table->key; *key && status == CK_OK; key++)
			status = ck_key(session, catalog, "key", 'p', *key);
	}
	for (size_t i = 0; i < manifest->nlists && status == CK_OK; i++)
		status = tell_list(session, catalog, &manifest->lists[i]);
	return status;
}
