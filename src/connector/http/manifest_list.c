/*
 * manifest_list.c: reads what a manifest says of tables that the source itself lists.
 */
#include "manifest_read.h"

#include <stdio.h>
#include <stdlib.h>

/* Reads a table of an object that has members beside a table's. */
static bool
read_table_without(Reading *r, const json_t *object, const char *const *own, HttpTable *table)
{
	/* the table keeps strings of the members, which live on */
	json_t	   *copy = json_copy((json_t *) object);
	bool		good = copy != NULL || bad(r, "", "out of memory");

	for (; good && *own; own++)
		json_object_del(copy, *own);
	good = good && read_table(r, "", copy, table);
	json_decref(copy);
	return good;
}

/* The same of a request whose records are read to the last. */
static bool
read_list_request(Reading *r, const json_t *object, const char *const *own, HttpTable *table)
{
	return read_table_without(r, object, own, table) &&
		(table->nfilters == 0 || bad(r, "filters", "a list is asked for as a whole"));
}

static bool
read_tables_of(Reading *r, const json_t *object, HttpList *list)
{
	static const char *const own[] = {"name", "comment", "rows", "bytes", "key", "where", NULL};
	const json_t *value = json_object_get(object, "list");
	size_t		place = enter(r, "list");

	if (!json_is_object(value))
		return bad(r, "", "the request for the tables is missing");
	if (!read_list_request(r, value, own, &list->tables) || !take_member_path(r, value, "name", &list->name) ||
		!take_member_path(r, value, "comment", &list->comment) || !take_member_path(r, value, "rows", &list->rows) ||
		!take_member_path(r, value, "bytes", &list->bytes) || !take_member_path(r, value, "key", &list->key))
		return false;
	list->where = json_object_get(value, "where");
	if (list->where && !json_is_object(list->where))
		return bad(r, "where", "an object of paths, and what stands there, is expected");
	r->place[place] = '\0';
	return true;
}

/* {"keyword": "ignore_above"} */
static bool
read_arguments(Reading *r, const json_t *object, HttpList *list)
{
	const json_t *plain = json_object_get(object, "plain");
	const char **copy = keep(r, json_array_size(plain) + 1, sizeof(char *));

	if (!copy || !take_pairs(r, object, "arguments", NULL, &list->arguments))
		return false;
	if (plain && !json_is_array(plain))
		return bad(r, "plain", "a list of names is expected");
	for (size_t i = 0; i < json_array_size(plain); i++)
		if (!(copy[i] = json_string_value(json_array_get(plain, i))))
			return bad(r, "plain", "a list of names is expected");
	list->plain = plain ? copy : NULL;
	return true;
}

static bool
read_columns_of(Reading *r, const json_t *object, HttpList *list)
{
	static const char *const own[] = {"at", "name", "type", "comment", "inner", "variants", "arguments", "plain", NULL};
	const json_t *value = json_object_get(object, "columns");
	size_t		place = enter(r, "columns");

	if (!json_is_object(value))
		return bad(r, "", "where the columns are told is missing");
	if (json_object_get(value, "path"))
	{
		list->columns = keep(r, 1, sizeof(HttpTable));
		if (!list->columns)
			return false;
		list->columns->listed = true;
		if (!read_list_request(r, value, own, list->columns))
			return false;
	}
	else if (!check_names(r, value, "path at name type comment inner variants arguments plain"))
		return false;
	if (!take_member_path(r, value, "at", &list->columns_at) || !take_member_path(r, value, "name", &list->column_name) ||
		!take_member_path(r, value, "type", &list->column_type) ||
		!take_member_path(r, value, "comment", &list->column_comment) ||
		!take_member_path(r, value, "inner", &list->inner) || !take_member_path(r, value, "variants", &list->variants) ||
		!read_arguments(r, value, list))
		return false;
	if (!list->columns_at)
		return bad(r, "at", "where the columns lie in a record is missing");
	r->place[place] = '\0';
	return true;
}

static bool
read_table_of(Reading *r, const json_t *object, HttpList *list)
{
	static const char *const own[] = {"values", "moments", NULL};
	const json_t *value = json_object_get(object, "table");
	int			moments;
	size_t		place;

	if (!take_pairs(r, object, "types", NULL, &list->table.types))
		return false;
	place = enter(r, "table");
	if (!json_is_object(value))
		return bad(r, "", "how the tables are asked for is missing");
	list->table.listed = true;
	if (!take_member_path(r, value, "values", &list->table.values) ||
		!take_word(r, value, "moments", FORMATS, &moments))
		return false;
	list->table.moments = (HttpFormat) moments;
	if (!read_table_without(r, value, own, &list->table))
		return false;
	if (!strstr(list->table.path, "{table}") && list->table.nbefore == 0)
		return bad(r, "path", "it lacks {table}");
	r->place[place] = '\0';
	return true;
}

bool
read_lists(Reading *r, const json_t *object, HttpManifest *manifest)
{
	const json_t *lists = json_object_get(object, "discover");
	size_t		place = enter(r, "discover");

	if (lists && !json_is_array(lists))
		return bad(r, "", "a list is expected");
	manifest->lists = keep(r, json_array_size(lists), sizeof(HttpList));
	for (size_t i = 0; manifest->lists && i < json_array_size(lists); i++)
	{
		const json_t *value = json_array_get(lists, i);
		HttpList   *list = &manifest->lists[manifest->nlists++];
		char		number[16];
		size_t		outer;

		snprintf(number, sizeof(number), "%zu", i);
		outer = enter(r, number);
		if (!check_names(r, value, "schema list columns types table") ||
			!take_string(r, value, "schema", NULL, &list->schema) || !read_tables_of(r, value, list) ||
			!read_columns_of(r, value, list) || !read_table_of(r, value, list))
			return false;
		if (!list->schema || strcmp(list->schema, "api") == 0)
			return bad(r, "schema", "a name other than \"api\", which is that of the manifest's own tables, is expected");
		for (size_t j = 0; j < i; j++)
			if (strcmp(manifest->lists[j].schema, list->schema) == 0)
				return bad(r, "schema", "another list has it");
		r->place[outer] = '\0';
	}
	r->place[place] = '\0';
	return manifest->lists != NULL;
}
