/*
 * manifest_write.c: reads what a table of a manifest says of changes.
 */
#include "manifest_read.h"

#include <string.h>

/* True where every name of the path is one of an object's member. */
static bool
leads_through_objects(JsonPath path)
{
	for (JsonPath name = path; *name; name++)
		if ((*name)[0] != '\0' && strspn(*name, "0123456789") == strlen(*name))
			return false;
	return path[0] != NULL;
}

/* The same of a column's name that is a path itself. */
static bool
name_leads_through_objects(const char *name)
{
	while (*name)
	{
		size_t		size = strcspn(name, ".");

		if (size > 0 && strspn(name, "0123456789") == size)
			return false;
		name += size + (name[size] == '.');
	}
	return true;
}

bool
http_is_listed(const char *const *names, const char *name)
{
	for (; names && *names; names++)
		if (strcmp(*names, name) == 0)
			return true;
	return false;
}

const HttpStored *
http_stored(const HttpStored *list, const char *column)
{
	for (; list && list->column; list++)
		if (strcmp(list->column, column) == 0)
			return list;
	return NULL;
}

/* CkChanges.stores */
static bool
stores(const CkSql *sql, uint32_t kind, const char *column)
{
	const HttpTable *table = (const HttpTable *) sql;
	const HttpChangeRule *rule = kind == CK_INSERT ? &table->writes.insert : &table->writes.update;
	const HttpColumn *known = http_column(table, column);

	if (http_is_listed(rule->in_path, column) || http_stored(rule->keys, column))
		return kind == CK_INSERT || http_stored(rule->columns, column);
	if (rule->columns)
		return http_stored(rule->columns, column) != NULL;
	return table->columns ? known && leads_through_objects(known->path) : name_leads_through_objects(column);
}

/* Where a column's value is to stand, if the member says so: a path, or an object of path and "as". */
static bool
read_stored(Reading *r, const HttpTable *table, const char *column, const json_t *value, HttpStored *stored)
{
	const HttpColumn *known = http_column(table, column);
	int			as = 0;

	if (table->columns && !known)
		return bad(r, column, "the table has no such column");
	stored->column = column;
	if (json_is_object(value))
	{
		if (!check_names(r, value, "path as") || !take_word(r, value, "as", "value|string", &as))
			return false;
		value = json_object_get(value, "path");
	}
	stored->as_string = as == 1;
	if (value)
		return take_path(r, value, column, &stored->path);
	if (known)
		stored->path = known->path;
	else
	{
		json_t	   *name = json_string(column);
		bool		good = name && take_path(r, name, column, &stored->path);

		json_decref(name);
		return good;
	}
	return true;
}

/* Columns and their places: ["column"], or {"column": "path"}. NULL where the member is absent. */
static bool
take_stored(Reading *r, const json_t *object, const char *member, const HttpTable *table, HttpStored **list)
{
	json_t	   *columns = json_object_get(object, member),
			   *value;
	size_t		place,
				n = 0;
	const char *name;

	if (!columns)
		return true;
	if (!json_is_array(columns) && !json_is_object(columns))
		return bad(r, member, "a list of columns is expected, or an object of columns and their paths");
	*list = keep(r, json_array_size(columns) + json_object_size(columns) + 1, sizeof(HttpStored));
	if (!*list)
		return false;
	place = enter(r, member);
	for (size_t i = 0; i < json_array_size(columns); i++)
	{
		name = json_string_value(json_array_get(columns, i));
		if (!name)
			return bad(r, "", "a column's name is expected");
		if (!read_stored(r, table, name, NULL, &(*list)[n++]))
			return false;
	}
	json_object_foreach(columns, name, value)
		if (!read_stored(r, table, name, value, &(*list)[n++]))
			return false;
	r->place[place] = '\0';
	return true;
}

/* A path with values; the columns of which these are, up to a NULL. */
static bool
take_path_text(Reading *r, const json_t *object, const HttpTable *table, const char *initial, const char **path,
			   const char ***columns)
{
	const char *name,
			   *text;
	size_t		size,
				count = 0;

	if (!take_string(r, object, "path", initial, path))
		return false;
	if (!*path)
		return bad(r, "path", "the path is missing");
	for (text = *path; (text = http_next_value(text, &name, &size)) != NULL; text = name + size)
		count++;
	*columns = keep(r, count + 1, sizeof(char *));
	count = 0;
	for (text = *path; *columns && (text = http_next_value(text, &name, &size)) != NULL; text = name + size)
	{
		char	   *column;

		if (http_option(r->options, name, size))
			continue;
		column = keep(r, size + 1, 1);
		if (!column)
			return false;
		memcpy(column, name, size);
		if (table->columns && !http_column(table, column))
			return bad(r, "path", "\"%s\" is no option and no column", column);
		(*columns)[count++] = column;
	}
	return *columns != NULL;
}

/* The members that only one kind of change has. */
static bool
read_own(Reading *r, const json_t *value, uint32_t kind, HttpChangeRule *rule)
{
	int64_t		duplicate = 0;
	int			null = 0;

	if (kind == CK_INSERT &&
		(!take_integer(r, value, "many", 0, 1, &rule->many) || !take_integer(r, value, "duplicate", 0, 400, &duplicate) ||
		 !take_word(r, value, "null", "null|omit", &null)))
		return false;
	if (kind == CK_UPDATE && json_object_get(value, "whole"))
		return take_boolean(r, value, "whole", &rule->whole);
	if (duplicate > 499)
		return bad(r, "duplicate", "a status from 400 to 499 is expected");
	rule->duplicate = (int) duplicate;
	rule->omit_null = null == 1;
	rule->whole = strcmp(rule->method, "PUT") == 0 && kind == CK_UPDATE;
	return true;
}

/* Reads how one kind of change is made; without the member the table takes none. */
static bool
read_rule(Reading *r, const json_t *object, const char *member, uint32_t kind, HttpTable *table, HttpChangeRule *rule)
{
	static const char *const names[] = {
		[CK_INSERT] = "method path params headers body record columns many returns idempotency_key idempotent duplicate null",
		[CK_UPDATE] = "method path params headers body record columns key returns idempotency_key idempotent whole",
		[CK_DELETE] = "method path params headers body key idempotency_key idempotent"
	};
	static const char *const root[] = {NULL};
	const json_t *value = json_object_get(object, member);
	size_t		place = enter(r, member);
	const char *method = kind == CK_INSERT ? "POST" : kind == CK_UPDATE ? "PATCH" : "DELETE";

	r->place[place] = '\0';
	if (!value)
		return true;
	(void) enter(r, member);
	if (!check_names(r, value, names[kind]) || !take_string(r, value, "method", method, &rule->method) ||
		!take_path_text(r, value, table, kind == CK_INSERT ? table->path : NULL, &rule->path, &rule->in_path) ||
		!take_pairs(r, value, "params", NULL, &rule->params) || !take_pairs(r, value, "headers", NULL, &rule->headers) ||
		!take_member_path(r, value, "record", &rule->record) || !take_member_path(r, value, "returns", &rule->returns) ||
		!take_stored(r, value, "columns", table, &rule->columns) || !take_stored(r, value, "key", table, &rule->keys) ||
		!take_string(r, value, "idempotency_key", NULL, &rule->idempotency_key) || !read_own(r, value, kind, rule))
		return false;
	if (strcmp(rule->method, "POST") != 0 && strcmp(rule->method, "PUT") != 0 && strcmp(rule->method, "PATCH") != 0 &&
		strcmp(rule->method, "DELETE") != 0)
		return bad(r, "method", "it is none of POST, PUT, PATCH and DELETE");
	rule->idempotent = strcmp(rule->method, "PUT") == 0 || strcmp(rule->method, "DELETE") == 0 || rule->idempotency_key;
	if (json_object_get(value, "idempotent") && !take_boolean(r, value, "idempotent", &rule->idempotent))
		return false;
	rule->body = json_object_get(value, "body");
	if (rule->body && !json_is_object(rule->body))
		return bad(r, "body", "an object is expected");
	if (!check_json(r, "body", rule->body, NULL))
		return false;
	if (!rule->record)
		rule->record = root;
	if (!rule->record[0] && (rule->body || rule->keys) && (rule->many || rule->whole))
		return bad(r, "record", "it is missing: where in the body the record is to stand");
	if (kind != CK_INSERT && !rule->in_path[0] && !rule->keys)
		return bad(r, "path", "neither it nor \"key\" says which row is meant");
	if (rule->many && rule->in_path[0])
		return bad(r, "many", "a path with values of columns is for one row");
	table->writes.changes.kinds |= kind;
	r->place[place] = '\0';
	return true;
}

/* The columns by which a rule knows a row, up to a NULL. */
static const char **
key_columns(Reading *r, const HttpChangeRule *rule)
{
	const char **names;
	size_t		n = 0;

	for (const HttpStored *key = rule->keys; key && key->column; key++)
		n++;
	for (const char **name = rule->in_path; name && *name; name++)
		n++;
	names = keep(r, n + 1, sizeof(char *));
	n = 0;
	for (const char **name = rule->in_path; names && name && *name; name++)
		if (!http_is_listed(names, *name))
			names[n++] = *name;
	for (const HttpStored *key = rule->keys; names && key && key->column; key++)
		if (!http_is_listed(names, key->column))
			names[n++] = key->column;
	return names;
}

/* Where one row can be read. */
static bool
read_read(Reading *r, const json_t *object, HttpTable *table)
{
	static const char *const root[] = {NULL};
	const json_t *value = json_object_get(object, "read");
	HttpWrites *writes = &table->writes;
	size_t		place = enter(r, "read");
	const char **columns;

	writes->read_record = root;
	if (value && (!check_names(r, value, "path records") ||
				  !take_path_text(r, value, table, NULL, &writes->read_path, &columns) ||
				  !take_member_path(r, value, "records", &writes->read_record)))
		return false;
	if (!writes->read_record)
		writes->read_record = root;
	r->place[place] = '\0';
	return true;
}

bool
read_writes(Reading *r, const json_t *object, HttpTable *table)
{
	const json_t *value = json_object_get(object, "write");
	HttpWrites *writes = &table->writes;
	size_t		place = enter(r, "write");
	const char **update_keys,
			  **delete_keys;

	if (!value)
	{
		r->place[place] = '\0';
		return true;
	}
	if (!check_names(r, value, "insert update delete read") ||
		!read_rule(r, value, "insert", CK_INSERT, table, &writes->insert) ||
		!read_rule(r, value, "update", CK_UPDATE, table, &writes->update) ||
		!read_rule(r, value, "delete", CK_DELETE, table, &writes->delete) || !read_read(r, value, table))
		return false;
	if (table->unnest)
		return bad(r, "", "rows that are elements within a record cannot be changed");
	update_keys = key_columns(r, &writes->update);
	delete_keys = key_columns(r, &writes->delete);
	if (!update_keys || !delete_keys)
		return false;
	writes->changes.rows = writes->insert.many > 0 && writes->insert.many < INT32_MAX ? (uint32_t) writes->insert.many : 1;
	writes->changes.skips = writes->insert.duplicate != 0;
	writes->changes.update_keys = update_keys;
	writes->changes.delete_keys = delete_keys;
	writes->changes.stores = stores;
	table->sql.changes = &writes->changes;
	if (writes->insert.returns || writes->read_path)
		table->sql.returning |= CK_INSERT;
	if (writes->update.returns || writes->read_path)
		table->sql.returning |= CK_UPDATE;
	r->place[place] = '\0';
	return true;
}
