/*
 * remote_table.c: a foreign table as the source knows it: its name, its columns, and who may read it.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/sysattr.h"
#include "catalog/heap.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "foreign/foreign.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "compat.h"
#include "registry.h"
#include "remote_cache.h"
#include "remote_table.h"
#include "rights.h"
#include "scan.h"
#include "value.h"

/*
 * ERROR where the owner of a foreign table, who says what is read there, may not use its server any more, of which
 * PostgreSQL asks only when the table is made; or, where the table is a query, may send none.
 */
static void
check_owner(Oid relid, Oid serverid, bool query)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	Oid			owner;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for relation %u", relid);
	owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	if (compat_server_aclcheck(serverid, owner, ACL_USAGE) != ACLCHECK_OK)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("the owner of foreign table \"%s\" may not use source \"%s\"", get_rel_name(relid),
						GetForeignServer(serverid)->servername),
				 errhint("GRANT USAGE ON FOREIGN SERVER … gives the right.")));
	if (query && !rights_have(GetForeignServer(serverid), owner, RIGHT_QUERY))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("the owner of foreign table \"%s\", which is a query, has no right \"query\" on source \"%s\"",
						get_rel_name(relid), GetForeignServer(serverid)->servername),
				 errhint("The source's owner gives it: SELECT connkit_grant_source('%s', 'query', '%s').",
						 GetForeignServer(serverid)->servername, GetUserNameFromId(owner, false))));
}

void
remote_table_init(RemoteTable *table, Oid relid, Oid userid)
{
	*table = remote_cache_get(relid)->table;
	table->userid = userid;
	check_owner(relid, table->serverid, table->query != NULL);
}

void
remote_table_read(RemoteTable *table, Oid relid)
{
	ForeignTable *foreign = GetForeignTable(relid);
	const CkConnector *connector = registry_connector_of_server(foreign->serverid);
	SourceOptions *options;

	memset(table, 0, sizeof(*table));
	table->relid = relid;
	table->serverid = foreign->serverid;
	table->options = foreign->options;
	table->source_options = options = source_options(foreign->serverid, foreign->options);
	table->common = options->common;
	table->updatable = table->common.query == NULL &&
		options_updatable(connector, options->server, foreign->options);
	table->schema = table->common.schema_name;
	table->query = table->common.query;
	table->table = table->common.table_name ? table->common.table_name : get_rel_name(relid);
	table->remote = (connector->caps & (CK_REMOTE | CK_FILTERS)) != 0;
	if (connector->caps & (CK_REMOTE | CK_WRITE | CK_FILTERS))
		table->sql = connector->dialect ?
			connector->dialect(connector, options->parsed, table->schema, table->query ? NULL : table->table) : connector->sql;
}

void
remote_identifier(StringInfo text, const CkSql *sql, const char *name)
{
	appendStringInfoChar(text, sql->quote);
	for (const char *c = name; *c; c++)
	{
		if (*c == sql->quote)
			appendStringInfoChar(text, *c);
		appendStringInfoChar(text, *c);
	}
	appendStringInfoChar(text, sql->quote);
}

void
remote_name(StringInfo text, const RemoteTable *table)
{
	if (table->schema && !table->sql->no_schema)
	{
		remote_identifier(text, table->sql, table->schema);
		appendStringInfoChar(text, '.');
	}
	remote_identifier(text, table->sql, table->table);
}

void
remote_from(StringInfo text, const RemoteTable *table, Index alias)
{
	if (table->query)
	{
		/* a comment at its end must not swallow the parenthesis */
		appendStringInfo(text, strstr(table->query, "--") ? "(%s\n) AS " : "(%s) AS ", table->query);
		appendStringInfo(text, alias > 0 ? "t%u" : "q", alias);
		return;
	}
	remote_name(text, table);
	if (alias > 0)
		appendStringInfo(text, " AS t%u", alias);
}

char *
remote_column_name(Oid relid, AttrNumber attnum)
{
	char	   *name = options_get(GetForeignColumnOptions(relid, attnum), "column_name");

	return name ? name : get_attname(relid, attnum, false);
}

char *
remote_source_type(const RemoteTable *table, AttrNumber attnum)
{
	return table->sql->typed ? options_get(GetForeignColumnOptions(table->relid, attnum), "source_type") : NULL;
}

/* A type's name without a modifier; not what SQL would take for one with a default modifier. */
char *
remote_type_name(Oid type)
{
	return format_type_extended(type, -1, FORMAT_TYPE_TYPEMOD_GIVEN);
}

/* The table's columns, with those that were dropped. */
static int
count_columns(Oid relid)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	int			count;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for relation %u", relid);
	count = ((Form_pg_class) GETSTRUCT(tuple))->relnatts;
	ReleaseSysCache(tuple);
	return count;
}

/* True where a cast to the type with a modifier rounds just as reading the value here does; others would cut it. */
static bool
type_rounds(Oid type)
{
	return type == NUMERICOID || type == TIMEOID || type == TIMETZOID || type == TIMESTAMPOID ||
		type == TIMESTAMPTZOID || type == INTERVALOID;
}

void
remote_to_local(StringInfo text, Oid type, int32 typmod)
{
	if (!value_type_is_native(type))
	{
		appendStringInfoString(text, "::text");
		return;
	}
	type = getBaseTypeAndTypmod(type, &typmod);
	appendStringInfo(text, "::%s", type_rounds(type) && typmod >= 0 ? format_type_with_typemod(type, typmod) :
					 remote_type_name(type));
}

void
remote_bare_column(StringInfo text, const RemoteTable *table, Index alias, AttrNumber attnum)
{
	if (alias > 0)
		appendStringInfo(text, "t%u.", alias);
	remote_identifier(text, table->sql, remote_column_name(table->relid, attnum));
}

void
remote_column(StringInfo text, const RemoteTable *table, Index alias, AttrNumber attnum)
{
	Oid			type,
				collation;
	int32		typmod;

	remote_bare_column(text, table, alias, attnum);
	if (!table->sql->native)
		return;
	/* the source converts what it holds to the local type; where it holds just that, the cast is nothing */
	get_atttypetypmodcoll(table->relid, attnum, &type, &typmod, &collation);
	remote_to_local(text, type, typmod);
}

void
remote_select_list(StringInfo text, const RemoteTable *table, List *attributes)
{
	ListCell   *lc;
	bool		first = true;

	if (attributes == NIL && !table->sql->native)
		appendStringInfoString(text, " NULL");
	foreach(lc, attributes)
	{
		appendStringInfoString(text, first ? " " : ", ");
		if (lfirst_int(lc) < 0)
			appendStringInfo(text, "%s%s", remote_row_id_name(table->sql, (AttrNumber) lfirst_int(lc)),
							 table->sql->native ? "::text" : "");
		else
			remote_column(text, table, 0, (AttrNumber) lfirst_int(lc));
		first = false;
	}
}

void
remote_describe(CkColumn *column, const CkSql *sql, const char *name, Oid type, int32 typmod)
{
	column->name = name;
	column->type = sql && sql->native ? (value_type_is_native(type) ? CK_NATIVE : CK_TEXT) : value_type_for(type);
	column->local_type = format_type_with_typemod(type, typmod);
}

CkColumn *
remote_columns(const RemoteTable *table, List *attributes, Oid **types, int32 **typmods, int **places)
{
	int			n = list_length(attributes);
	CkColumn   *columns = palloc0(sizeof(CkColumn) * Max(n, 1));
	const RemoteCache *cached = remote_cache_get(table->relid);

	*types = palloc(sizeof(Oid) * Max(n, 1));
	*typmods = palloc(sizeof(int32) * Max(n, 1));
	*places = palloc(sizeof(int) * Max(n, 1));
	for (int i = 0; i < n; i++)
	{
		AttrNumber	attnum = (AttrNumber) list_nth_int(attributes, i);

		if (attnum < 0)
		{
			(*types)[i] = TEXTOID;
			(*typmods)[i] = -1;
			(*places)[i] = cached->natts - attnum - 1;
			remote_describe(&columns[i], table->sql, remote_row_id_name(table->sql, attnum), TEXTOID, -1);
			continue;
		}
		(*types)[i] = cached->types[attnum - 1];
		(*typmods)[i] = cached->typmods[attnum - 1];
		columns[i] = cached->columns[attnum - 1];
		(*places)[i] = attnum - 1;
	}
	return columns;
}

List *
remote_keys(Oid relid)
{
	List	   *keys = NIL;
	int			natts = count_columns(relid);

	for (AttrNumber i = 1; i <= natts; i++)
	{
		char	   *value = get_attname(relid, i, true) ? options_get(GetForeignColumnOptions(relid, i), "key") : NULL;
		bool		on;

		if (value && parse_bool(value, &on) && on)
			keys = lappend_int(keys, i);
	}
	return keys;
}

/* The number of the row id's column at that place, from 0 on: a system column's that no plan has beside it, as it may have
 * tableoid. */
static AttrNumber
row_id_number(const char *name, int place)
{
	const FormData_pg_attribute *system = SystemAttributeByName(name);

	return system && system->attnum != TableOidAttributeNumber ? system->attnum :
		(AttrNumber) (MinTransactionIdAttributeNumber - place);
}

/* The names in CkSql.row_id. */
static List *
row_id_names(const CkSql *sql)
{
	List	   *names = NIL;
	char	   *save;

	for (char *name = sql->row_id ? strtok_r(pstrdup(sql->row_id), ", ", &save) : NULL; name;
		 name = strtok_r(NULL, ", ", &save))
		names = lappend(names, name);
	return names;
}

List *
remote_row_ids(const CkSql *sql)
{
	List	   *numbers = NIL;
	ListCell   *lc;

	foreach(lc, row_id_names(sql))
		numbers = lappend_int(numbers, row_id_number(lfirst(lc), foreach_current_index(lc)));
	return numbers;
}

char *
remote_row_id_name(const CkSql *sql, AttrNumber number)
{
	ListCell   *lc;

	foreach(lc, row_id_names(sql))
		if (row_id_number(lfirst(lc), foreach_current_index(lc)) == number)
			return lfirst(lc);
	elog(ERROR, "no column of the row id has the number %d", number);
}
