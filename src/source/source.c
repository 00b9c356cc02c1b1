/*
 * source.c: sources in one call: connkit_create_source() and its like, written on top of the native statements, which the
 * current user runs. Credentials become secrets: the statements name them and never hold them.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/reloptions.h"
#include "access/table.h"
#include "catalog/pg_foreign_server.h"
#include "catalog/pg_type.h"
#include "catalog/pg_user_mapping.h"
#include "commands/defrem.h"
#include "commands/event_trigger.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "foreign/foreign.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "../secret/secret.h"
#include "audit.h"
#include "compat.h"
#include "options.h"
#include "registry.h"
#include "source.h"
#include "tables.h"

char *
source_owner_name(const Source *source)
{
	return GetUserNameFromId(source->owner, false);
}

void
source_run(const char *statement)
{
	int			result = SPI_execute(statement, false, 0);

	if (result < 0)
		elog(ERROR, "SPI_execute failed: %s", SPI_result_code_string(result));
}

/* Argument number i as a list of options that the connector has there, NIL where it is NULL. */
static List *
argument_options(FunctionCallInfo fcinfo, int i, const char *argument, const CkConnector *connector, uint32 where,
				 uint32 allow)
{
	List	   *options;
	ListCell   *lc;

	if (PG_ARGISNULL(i))
		return NIL;
	options = options_from_json(PG_GETARG_JSONB_P(i), argument, allow);
	foreach(lc, options)
	{
		DefElem    *def = lfirst_node(DefElem, lc);
		const CkOption *option = options_lookup(connector, def->defname, where);

		if (def->defnamespace && (option == NULL || !(option->where & CK_SECRET)))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("option \"%s\" is no secret and is not given sealed", def->defname)));
	}
	return options;
}

static void
write_comment(const Source *source, FunctionCallInfo fcinfo, int i)
{
	if (!PG_ARGISNULL(i))
		source_run(psprintf("COMMENT ON SERVER %s IS %s", quote_identifier(source->name),
							quote_literal_cstr(text_to_cstring(PG_GETARG_TEXT_PP(i)))));
}

/* Tests the source as connkit_test() does; ERROR, with what that stage says, where one fails. */
static void
test_source(const Source *source)
{
	SPITupleTable *rows;

	source_run(psprintf("SELECT stage, outcome, detail, hint FROM %s.connkit_test(%s::pg_catalog.name)",
						quote_identifier(source->schema), quote_literal_cstr(source->name)));
	rows = SPI_tuptable;
	for (uint64 i = 0; i < rows->numvals; i++)
	{
		char	   *hint = SPI_getvalue(rows->vals[i], rows->tupdesc, 4);

		if (strcmp(SPI_getvalue(rows->vals[i], rows->tupdesc, 2), "failed") == 0)
			ereport(ERROR,
					(errcode(ERRCODE_FDW_UNABLE_TO_ESTABLISH_CONNECTION),
					 errmsg("source \"%s\" failed its test at stage \"%s\": %s", source->name,
							SPI_getvalue(rows->vals[i], rows->tupdesc, 1), SPI_getvalue(rows->vals[i], rows->tupdesc, 3)),
					 errdetail("Nothing was saved."),
					 hint ? errhint("%s", hint) : 0));
	}
}

static bool
source_disabled(List *options)
{
	char	   *disabled = options_get(options, "disabled");
	bool		off;

	return disabled && parse_bool(disabled, &off) && off;
}

/* ERROR where the name is taken. Of others' sources no more is told than CREATE SERVER tells. */
static void
check_name_free(const char *name)
{
	ForeignServer *server = GetForeignServerByName(name, true);

	if (server && has_privs_of_role(GetUserId(), server->owner) && source_disabled(server->options))
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("source \"%s\" exists already and is disabled", name),
				 errhint("Enable it with connkit_restore_source(), or drop it for good with connkit_drop_source(…, "
						 "force => true).")));
	if (server)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("server \"%s\" already exists", name),
				 errhint("Choose another name: a database has one server of a name, whoever owns it.")));
}

/* The role that argument number i names; invalid for PUBLIC. */
static Oid
mapping_user(FunctionCallInfo fcinfo, int i)
{
	const char *name = NameStr(*PG_GETARG_NAME(i));

	return strcmp(name, "public") == 0 ? InvalidOid : get_role_oid(name, false);
}

/* The server's user mappings. */
static List *
source_mappings(Oid serverid)
{
	Relation	catalog = table_open(UserMappingRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	List	   *mappings = NIL;

	ScanKeyInit(&key, Anum_pg_user_mapping_umserver, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(serverid));
	scan = systable_beginscan(catalog, InvalidOid, false, NULL, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Mapping    *mapping = palloc0(sizeof(Mapping));
		bool		isnull;
		Datum		options = heap_getattr(tuple, Anum_pg_user_mapping_umoptions, RelationGetDescr(catalog), &isnull);

		mapping->user = ((Form_pg_user_mapping) GETSTRUCT(tuple))->umuser;
		mapping->exists = true;
		mapping->options = isnull ? NIL : untransformRelOptions(options);
		mappings = lappend(mappings, mapping);
	}
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	return mappings;
}

/* The source that a call alters, which the current user must own. */
static Source *
source_open(FunctionCallInfo fcinfo, const char *name)
{
	Source	   *source = palloc0(sizeof(Source));
	ForeignServer *server = GetForeignServerByName(name, false);

	if (!has_privs_of_role(GetUserId(), server->owner))
		aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_FOREIGN_SERVER, name);
	if (registry_name_of_wrapper(server->fdwid) == NULL)
		(void) registry_connector_of_server(server->serverid);	/* raises the error */
	source->schema = get_namespace_name(get_func_namespace(fcinfo->flinfo->fn_oid));
	source->name = name;
	source->serverid = server->serverid;
	source->owner = server->owner;
	source->options = server->options;
	source->secrets = credentials_secrets(source);
	return source;
}

/* Whether the mapping names a secret that was made for the source. */
static bool
has_own_secret(const Source *source, const Mapping *mapping)
{
	ListCell   *lc;

	foreach(lc, mapping->options)
		if (list_member(source->secrets, makeString(defGetString(lfirst_node(DefElem, lc)))))
			return true;
	return false;
}

/*
 * The user mapping that credentials are for: the one that the call names, else PUBLIC's where there is one or none that is
 * the owner's doing, else the only one that is. Anybody with USAGE can make one for himself, which gets nothing unasked.
 */
static Mapping *
choose_mapping(Source *source, FunctionCallInfo fcinfo, int i)
{
	Oid			user = PG_ARGISNULL(i) ? InvalidOid : mapping_user(fcinfo, i);
	List	   *own = NIL;
	Mapping    *made;
	ListCell   *lc;

	foreach(lc, source->mappings)
	{
		Mapping    *mapping = lfirst(lc);

		if (mapping->user == user)
			return mapping;
		if (has_privs_of_role(mapping->user, source->owner) || has_own_secret(source, mapping))
			own = lappend(own, mapping);
	}
	if (PG_ARGISNULL(i) && list_length(own) == 1)
		return linitial(own);
	if (PG_ARGISNULL(i) && own != NIL)
		ereport(ERROR,
				(errcode(ERRCODE_AMBIGUOUS_PARAMETER),
				 errmsg("source \"%s\" has several user mappings", source->name),
				 errhint("Say with mapping_for whose credentials they are.")));
	made = palloc0(sizeof(Mapping));
	made->user = user;
	return made;
}

/* A test runs as the current user, whom the mapping must serve. */
static void
check_testable(const Mapping *mapping)
{
	if (OidIsValid(mapping->user) && mapping->user != GetUserId())
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a source is not tested with the credentials of another role"),
				 errhint("That role calls connkit_test().")));
}

/*
 * The calls
 */

/* connkit_create_source(name, connector, options, credentials, mapping_for, test, comment) */
static void
source_create(FunctionCallInfo fcinfo, const char *name)
{
	Source		source = {.name = name, .owner = GetUserId()};
	Mapping		mapping = {0};
	char	   *wrapper;
	List	   *credentials;
	StringInfoData statement;

	if (PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("connector may not be null"),
				 errhint("connkit.connector lists them.")));
	source.schema = get_namespace_name(get_func_namespace(fcinfo->flinfo->fn_oid));
	source.connector = registry_connector_to_use(text_to_cstring(PG_GETARG_TEXT_PP(1)), &wrapper);
	source.options = argument_options(fcinfo, 2, "options", source.connector, CK_ON_SERVER, 0);
	credentials = argument_options(fcinfo, 3, "credentials", source.connector, CK_ON_USER, OPTIONS_SEALED);
	credentials_check(source.connector, credentials);
	if (!PG_ARGISNULL(4))
		mapping.user = mapping_user(fcinfo, 4);
	if (PG_GETARG_BOOL(5))
		check_testable(&mapping);
	check_name_free(name);
	initStringInfo(&statement);
	appendStringInfo(&statement, "CREATE SERVER %s FOREIGN DATA WRAPPER %s", quote_identifier(name),
					 quote_identifier(wrapper));
	change_append(&statement, source.options, false);
	source_run(statement.data);
	if (credentials != NIL || !PG_ARGISNULL(4))
		credentials_write(&source, &mapping, credentials);
	write_comment(&source, fcinfo, 6);
	if (PG_GETARG_BOOL(5))
		test_source(&source);
}

/* connkit_alter_source(name, options, credentials, new_name, mapping_for, test, comment) */
static void
source_alter(FunctionCallInfo fcinfo, const char *name)
{
	Source	   *source = source_open(fcinfo, name);
	List	   *given,
			   *credentials;
	Change		change = {.options = source->options};
	Mapping    *mapping = NULL;
	StringInfoData statement;
	ListCell   *lc;

	source->connector = registry_connector_of_server(source->serverid);
	source->mappings = source_mappings(source->serverid);
	given = argument_options(fcinfo, 1, "options", source->connector, CK_ON_SERVER, OPTIONS_NULL);
	credentials = argument_options(fcinfo, 2, "credentials", source->connector, CK_ON_USER,
								   OPTIONS_NULL | OPTIONS_SEALED);
	credentials_check(source->connector, credentials);
	if (credentials != NIL || !PG_ARGISNULL(4))
		mapping = choose_mapping(source, fcinfo, 4);
	if (mapping && PG_GETARG_BOOL(5))
		check_testable(mapping);
	foreach(lc, given)
	{
		DefElem    *def = lfirst_node(DefElem, lc);

		change_option(&change, options_lookup(source->connector, def->defname, CK_ON_SERVER), def->defname,
					  def->defaction == DEFELEM_DROP ? NULL : strVal(def->arg));
	}
	credentials_check_place(source, change.options, mapping, credentials);
	source->options = change.options;
	if (change.steps != NIL)
	{
		initStringInfo(&statement);
		appendStringInfo(&statement, "ALTER SERVER %s", quote_identifier(name));
		change_append(&statement, change.steps, true);
		source_run(statement.data);
	}
	if (mapping)
		credentials_write(source, mapping, credentials);
	write_comment(source, fcinfo, 6);
	if (!PG_ARGISNULL(3))
	{
		source->name = NameStr(*PG_GETARG_NAME(3));
		source_run(psprintf("ALTER SERVER %s RENAME TO %s", quote_identifier(name), quote_identifier(source->name)));
	}
	if (PG_GETARG_BOOL(5))
		test_source(source);
}

/* connkit_drop_source(name, force) */
static void
source_drop(FunctionCallInfo fcinfo, const char *name)
{
	Source	   *source = source_open(fcinfo, name);

	if (PG_GETARG_BOOL(1))
	{
		source_run(psprintf("DROP SERVER %s CASCADE", quote_identifier(name)));
		credentials_sweep(source);
	}
	else if (source_disabled(source->options))
		ereport(NOTICE,
				(errmsg("source \"%s\" is disabled already", name),
				 errhint("With force => true it is dropped for good, with what depends on it.")));
	else
		source_run(psprintf("ALTER SERVER %s OPTIONS (%s disabled 'true')", quote_identifier(name),
					 options_get(source->options, "disabled") ? "SET" : "ADD"));
}

/* connkit_restore_source(name) */
static void
source_restore(FunctionCallInfo fcinfo, const char *name)
{
	Source	   *source = source_open(fcinfo, name);

	if (!source_disabled(source->options))
		ereport(NOTICE,
				(errmsg("source \"%s\" is not disabled", name)));
	else
		source_run(psprintf("ALTER SERVER %s OPTIONS (DROP disabled)", quote_identifier(name)));
}

/*
 * Does the work with SPI connected. What was done is told in the audit log by the native statements' event triggers; what
 * was not, by this.
 */
static Datum
source_call(FunctionCallInfo fcinfo, const char *action, void (*work) (FunctionCallInfo, const char *))
{
	AuditEvent	event = {.action = action, .object_type = "source"};
	ErrorContextCallback guard = {.callback = secret_hide_statement, .previous = error_context_stack};
	int			credentials = work == source_create ? 3 : work == source_alter ? 2 : 0;
	ForeignServer *server;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("the name of a source may not be null")));
	event.object = NameStr(*PG_GETARG_NAME(0));
	server = GetForeignServerByName(event.object, true);
	event.organization = GetUserNameFromId(server && work != source_create ? server->owner : GetUserId(), false);
	error_context_stack = &guard;
	if (credentials > 0 && !PG_ARGISNULL(credentials) && JB_ROOT_COUNT(PG_GETARG_JSONB_P(credentials)) > 0)
		secret_guard_statement();
	SPI_connect();
	audit_begin();
	PG_TRY();
	{
		work(fcinfo, event.object);
	}
	PG_CATCH();
	{
		audit_write_error(&event);
		PG_RE_THROW();
	}
	PG_END_TRY();
	audit_end();
	SPI_finish();
	error_context_stack = guard.previous;
	PG_RETURN_VOID();
}

PG_FUNCTION_INFO_V1(connkit_create_source);
Datum
connkit_create_source(PG_FUNCTION_ARGS)
{
	return source_call(fcinfo, "create", source_create);
}

PG_FUNCTION_INFO_V1(connkit_alter_source);
Datum
connkit_alter_source(PG_FUNCTION_ARGS)
{
	return source_call(fcinfo, "alter", source_alter);
}

PG_FUNCTION_INFO_V1(connkit_drop_source);
Datum
connkit_drop_source(PG_FUNCTION_ARGS)
{
	return source_call(fcinfo, "drop", source_drop);
}

PG_FUNCTION_INFO_V1(connkit_restore_source);
Datum
connkit_restore_source(PG_FUNCTION_ARGS)
{
	return source_call(fcinfo, "restore", source_restore);
}

PG_FUNCTION_INFO_V1(connkit_source_renamed);

/*
 * At the end of ALTER SERVER … RENAME: what connkit's tables say of the source follows its name.
 */
Datum
connkit_source_renamed(PG_FUNCTION_ARGS)
{
	static const char *const updates[] = {
		"UPDATE connkit.discovery SET source = $2 WHERE source = $1",
		"UPDATE connkit.sync SET source = $2 WHERE source = $1",
		"UPDATE connkit.sync_run SET source = $2 WHERE source = $1",
		/* a grant for the new name may be there: for a source that was to come, or laid in the way */
		"DELETE FROM connkit.secret_grant AS g USING connkit.secret_grant AS h WHERE g.source = $1 AND h.source = $2"
		" AND (g.owner, g.name, g.grantee) = (h.owner, h.name, h.grantee)",
		"UPDATE connkit.secret_grant SET source = $2 WHERE source = $1",
		"UPDATE connkit.source_secret SET source = $2 WHERE source = $1",
		"UPDATE connkit.source_grant SET source = $2 WHERE source = $1",
		/* a source may have the name of what is none */
		"UPDATE connkit.secret_store SET provider = $2 WHERE provider = $1"
		" AND NOT ARRAY[$1, $2] && '{store,environment,file}'::name[]"
	};
	Node	   *command;
	NameData	names[2];
	Oid			types[] = {NAMEOID, NAMEOID};
	Datum		values[] = {NameGetDatum(&names[0]), NameGetDatum(&names[1])};

	if (!CALLED_AS_EVENT_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_EVENT_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("this function is called by an event trigger only")));
	command = ((EventTriggerData *) fcinfo->context)->parsetree;
	if (!IsA(command, RenameStmt) || castNode(RenameStmt, command)->renameType != OBJECT_FOREIGN_SERVER)
		PG_RETURN_NULL();
	namestrcpy(&names[0], strVal(castNode(RenameStmt, command)->object));
	namestrcpy(&names[1], castNode(RenameStmt, command)->newname);
	SPI_connect();
	for (int i = 0; i < lengthof(updates); i++)
		tables_execute(updates[i], 2, types, values, NULL);
	SPI_finish();
	PG_RETURN_NULL();
}
