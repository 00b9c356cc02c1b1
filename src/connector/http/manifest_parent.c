/*
 * manifest_parent.c: reads what a table says of its parent, and finds that among the tables.
 */
#include "manifest_read.h"

/* "parent": {"table": "issue", "columns": {"issue_id": "id"}} */
bool
read_parent(Reading *r, const json_t *object, HttpTable *table)
{
	const json_t *value = json_object_get(object, "parent");
	json_t	   *columns = json_object_get(value, "columns");
	size_t		place = enter(r, "parent");
	HttpParent *parent = &table->parent;
	const char *name;
	json_t	   *from;

	if (value)
	{
		if (!check_names(r, value, "table columns") || !take_string(r, value, "table", NULL, &parent->name))
			return false;
		if (!parent->name)
			return bad(r, "table", "it is missing");
		if (!json_is_object(columns) || json_object_size(columns) == 0 || json_object_size(columns) > HTTP_PARENT_COLUMNS)
			return bad(r, "columns", "an object is expected, of 1 to %d columns and those of the parent", HTTP_PARENT_COLUMNS);
		json_object_foreach(columns, name, from)
		{
			if (!json_is_string(from))
				return bad(r, name, "the name of a column is expected");
			if (!http_column(table, name))
				return bad(r, name, "the table has no such column");
			if (!http_find_filter(table, name, NULL, FILTER_EQUAL) && !http_find_filter(table, name, NULL, FILTER_IN))
				return bad(r, name, "there is no filter by which a value of it is asked for");
			parent->columns[parent->count] = name;
			parent->from[parent->count++] = json_string_value(from);
		}
	}
	r->place[place] = '\0';
	return true;
}

/* The column that gets its values from that of the parent, or NULL. */
static const char *
find_child(const HttpParent *parent, const char *from)
{
	for (uint32_t i = 0; i < parent->count; i++)
		if (strcmp(parent->from[i], from) == 0)
			return parent->columns[i];
	return NULL;
}

static bool
is_listed(const char *const *names, const char *name)
{
	while (names && *names && strcmp(*names, name) != 0)
		names++;
	return names && *names;
}

/* What is required of a table with a parent: what the parent does not give, and what is required of that itself. */
static bool
list_required(Reading *r, HttpTable *table)
{
	const HttpParent *parent = &table->parent;
	const char **required = keep(r, table->nfilters + HTTP_PARENT_COLUMNS + 1, sizeof(char *)),
			  **searched = keep(r, HTTP_PARENT_COLUMNS + 1, sizeof(char *));
	size_t		n = 0;

	if (!required || !searched)
		return false;
	for (const char *const *name = parent->table->sql.required; *name; name++)
	{
		required[n] = find_child(parent, *name);
		if (!required[n++])
			return bad(r, "parent", "table \"%s\" can only be asked for given values of \"%s\", which is none of the columns",
					   parent->name, *name);
	}
	for (const char *const *name = table->sql.required; *name; name++)
	{
		bool		given = false;

		for (uint32_t i = 0; i < parent->count; i++)
			given |= strcmp(parent->columns[i], *name) == 0;
		if (!given)
			required[n++] = *name;
	}
	for (uint32_t i = 0, count = 0; i < parent->count; i++)
		if (!is_listed(required, parent->columns[i]))
			searched[count++] = parent->columns[i];
	table->sql.required = required;
	table->sql.searched = searched;
	return true;
}

/* Finds a table's parent, and before that its parent's; depth is how many children it has on the way. */
static bool
find_parent(Reading *r, HttpTable *tables, size_t ntables, HttpTable *table, size_t depth)
{
	HttpParent *parent = &table->parent;

	if (!parent->name || parent->table)
		return true;
	if (depth > ntables)
		return bad(r, "parent", "it is a descendant of its own");
	for (size_t i = 0; i < ntables; i++)
	{
		if (strcmp(tables[i].name, parent->name) != 0)
			continue;
		if (!find_parent(r, tables, ntables, &tables[i], depth + 1))
			return false;
		parent->table = &tables[i];
	}
	if (!parent->table)
		return bad(r, "parent", "there is no table \"%s\"", parent->name);
	for (uint32_t i = 0; i < parent->count; i++)
		if (!http_column(parent->table, parent->from[i]))
			return bad(r, "parent", "table \"%s\" has no column \"%s\"", parent->name, parent->from[i]);
	return list_required(r, table);
}

bool
find_parents(Reading *r, HttpTable *tables, size_t ntables)
{
	for (size_t i = 0; i < ntables; i++)
	{
		size_t		place = enter(r, tables[i].name);

		if (!find_parent(r, tables, ntables, &tables[i], 0))
			return false;
		r->place[place] = '\0';
	}
	return true;
}
