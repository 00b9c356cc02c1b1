/*
 * audit_ddl.c: event triggers that put CREATE, ALTER, DROP, GRANT and IMPORT on sources and user mappings into the
 * audit log, with what was before and after.
 *
 * What was before is read when the command begins, so that nothing has to be kept. Of a secret only its presence is
 * read, and, from the command, that it was set.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/reloptions.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_foreign_data_wrapper.h"
#include "catalog/pg_foreign_server.h"
#include "catalog/pg_user_mapping.h"
#include "commands/event_trigger.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "foreign/foreign.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "audit.h"
#include "compat.h"
#include "options.h"
#include "registry.h"

/* A source or a user mapping at one moment. */
typedef struct State
{
	Oid			classid;
	Oid			objid;
	const char *object_type;
	const char *source;
	const char *owner;			/* of the source */
	Jsonb	   *value;
} State;

/* States as they were when the command at hand began, in a context that goes with the command or the transaction. */
static List *before = NIL;
static MemoryContext before_context = NULL;
static MemoryContextCallback before_callback;

static void
before_forgotten(void *arg)
{
	before = NIL;
	before_context = NULL;
}

/* The connector of a source, NULL where its module is not available; false where it is no source of connkit's. */
static bool
find_connector(ForeignServer *server, const CkConnector **connector)
{
	char	   *name = registry_name_of_wrapper(server->fdwid);
	char	   *reason;

	if (name)
		*connector = registry_connector(name, &reason);
	return name != NULL;
}

static void
add_member(StringInfo json, const char *name, const char *text)
{
	if (text == NULL)
		return;
	appendStringInfo(json, "%s\"%s\": ", json->len > 1 ? ", " : "", name);
	escape_json(json, text);
}

static Jsonb *
finish_value(StringInfo json, const CkConnector *connector, List *options, uint32 where, List *set)
{
	Jsonb	   *redacted = audit_options_set(connector, options, where, set);

	appendStringInfoString(json, ", \"options\": ");
	(void) JsonbToCString(json, &redacted->root, VARSIZE(redacted));
	appendStringInfoChar(json, '}');
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(json->data)));
}

/* The source as it is now; false where it is none of connkit's. */
static bool
read_server(Oid serverid, State *state)
{
	ForeignServer *server = GetForeignServerExtended(serverid, FSV_MISSING_OK);
	const CkConnector *connector;
	StringInfoData json;

	if (server == NULL || !find_connector(server, &connector))
		return false;
	state->object_type = "source";
	state->source = server->servername;
	state->owner = GetUserNameFromId(server->owner, true);
	initStringInfo(&json);
	appendStringInfoChar(&json, '{');
	add_member(&json, "name", server->servername);
	add_member(&json, "owner", state->owner);
	add_member(&json, "wrapper", GetForeignDataWrapper(server->fdwid)->fdwname);
	add_member(&json, "type", server->servertype);
	add_member(&json, "version", server->serverversion);
	state->value = finish_value(&json, connector, server->options, CK_ON_SERVER, NIL);
	return true;
}

/* The user mapping as it is now; set holds the options that the command at hand gives. */
static bool
read_mapping(Oid mapping, List *set, State *state)
{
	HeapTuple	tuple = SearchSysCache1(USERMAPPINGOID, ObjectIdGetDatum(mapping));
	Form_pg_user_mapping form;
	const CkConnector *connector;
	ForeignServer *server;
	StringInfoData json;
	bool		found;

	if (!HeapTupleIsValid(tuple))
		return false;
	form = (Form_pg_user_mapping) GETSTRUCT(tuple);
	server = GetForeignServer(form->umserver);
	found = find_connector(server, &connector);
	if (found)
	{
		bool		isnull;
		Datum		options = SysCacheGetAttr(USERMAPPINGOID, tuple, Anum_pg_user_mapping_umoptions, &isnull);

		state->object_type = "user mapping";
		state->source = server->servername;
		state->owner = GetUserNameFromId(server->owner, true);
		initStringInfo(&json);
		appendStringInfoChar(&json, '{');
		add_member(&json, "user", OidIsValid(form->umuser) ? GetUserNameFromId(form->umuser, true) : "public");
		state->value = finish_value(&json, connector, isnull ? NIL : untransformRelOptions(options), CK_ON_USER, set);
	}
	ReleaseSysCache(tuple);
	return found;
}

static bool
read_state(Oid classid, Oid objid, List *set, State *state)
{
	state->classid = classid;
	state->objid = objid;
	if (!OidIsValid(objid))
		return false;
	return classid == ForeignServerRelationId ? read_server(objid, state) : read_mapping(objid, set, state);
}

/* The user mapping that a command names; invalid where there is none. */
static Oid
find_mapping(RoleSpec *user, const char *source)
{
	Oid			serverid = get_foreign_server_oid(source, true);
	Oid			userid = InvalidOid;

	if (!OidIsValid(serverid))
		return InvalidOid;
	if (user->roletype != ROLESPEC_PUBLIC)
	{
		userid = get_rolespec_oid(user, true);
		if (!OidIsValid(userid))
			return InvalidOid;
	}
	return GetSysCacheOid2(USERMAPPINGUSERSERVER, Anum_pg_user_mapping_oid, ObjectIdGetDatum(userid),
						   ObjectIdGetDatum(serverid));
}

/*
 * Before the command
 */

static void
remember(Oid classid, Oid objid)
{
	MemoryContext caller;
	State	   *state;

	if (before_context == NULL)
	{
		before_context = AllocSetContextCreate(TopTransactionContext, "connkit audit", ALLOCSET_DEFAULT_SIZES);
		before_callback.func = before_forgotten;
		MemoryContextRegisterResetCallback(before_context, &before_callback);
	}
	caller = MemoryContextSwitchTo(before_context);
	state = palloc0(sizeof(State));
	if (read_state(classid, objid, NIL, state))
		before = lcons(state, before);
	MemoryContextSwitchTo(caller);
}

/* All rows of a catalog, or user mappings of one server. */
static void
remember_rows(Oid catalog, Oid serverid)
{
	Relation	relation = table_open(catalog, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&key, Anum_pg_user_mapping_umserver, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(serverid));
	scan = systable_beginscan(relation, InvalidOid, false, NULL, OidIsValid(serverid) ? 1 : 0, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
		remember(catalog, catalog == ForeignServerRelationId ? ((Form_pg_foreign_server) GETSTRUCT(tuple))->oid :
				 ((Form_pg_user_mapping) GETSTRUCT(tuple))->oid);
	systable_endscan(scan);
	table_close(relation, AccessShareLock);
}

static void
remember_server(const char *name)
{
	remember(ForeignServerRelationId, get_foreign_server_oid(name, true));
}

static void
remember_drop(DropStmt *statement)
{
	ListCell   *lc;

	if (statement->removeType == OBJECT_FOREIGN_SERVER)
	{
		foreach(lc, statement->objects)
		{
			Oid			serverid = get_foreign_server_oid(strVal(lfirst(lc)), true);

			remember(ForeignServerRelationId, serverid);
			if (OidIsValid(serverid))
				remember_rows(UserMappingRelationId, serverid);
		}
	}
	else if (statement->behavior == DROP_CASCADE || statement->removeType == OBJECT_EXTENSION)
	{
		remember_rows(ForeignServerRelationId, InvalidOid);
		remember_rows(UserMappingRelationId, InvalidOid);
	}
}

static void
command_begins(Node *statement)
{
	switch (nodeTag(statement))
	{
		case T_CreateForeignServerStmt:
			remember_server(((CreateForeignServerStmt *) statement)->servername);
			break;
		case T_AlterForeignServerStmt:
			remember_server(((AlterForeignServerStmt *) statement)->servername);
			break;
		case T_RenameStmt:
			remember_server(strVal(((RenameStmt *) statement)->object));
			break;
		case T_AlterOwnerStmt:
			remember_server(strVal(((AlterOwnerStmt *) statement)->object));
			break;
		case T_CreateUserMappingStmt:
			{
				CreateUserMappingStmt *create = (CreateUserMappingStmt *) statement;

				remember(UserMappingRelationId, find_mapping(create->user, create->servername));
				break;
			}
		case T_AlterUserMappingStmt:
			{
				AlterUserMappingStmt *alter = (AlterUserMappingStmt *) statement;

				remember(UserMappingRelationId, find_mapping(alter->user, alter->servername));
				break;
			}
		case T_DropUserMappingStmt:
			{
				DropUserMappingStmt *drop = (DropUserMappingStmt *) statement;

				remember(UserMappingRelationId, find_mapping(drop->user, drop->servername));
				break;
			}
		case T_DropStmt:
			remember_drop((DropStmt *) statement);
			break;
		case T_DropOwnedStmt:
			remember_rows(ForeignServerRelationId, InvalidOid);
			remember_rows(UserMappingRelationId, InvalidOid);
			break;
		default:
			break;
	}
}

static State *
find_before(Oid classid, Oid objid)
{
	ListCell   *lc;

	foreach(lc, before)
	{
		State	   *state = lfirst(lc);

		if (state->classid == classid && state->objid == objid)
			return state;
	}
	return NULL;
}

/*
 * After it
 */

/* Tells that an object was created or altered; nothing for IF NOT EXISTS where it was there. */
static void
tell_change(bool created, Oid classid, Oid objid, List *set)
{
	State	   *old = find_before(classid, objid);
	State		state;
	AuditEvent	event = {.action = created ? "create" : "alter"};

	if ((created && old) || !read_state(classid, objid, set, &state))
		return;
	event.object_type = state.object_type;
	event.object = state.source;
	event.organization = old ? old->owner : state.owner;
	event.old_value = old ? old->value : NULL;
	event.new_value = state.value;
	audit_write(&event);
}

/* GRANT and REVOKE on sources and on connkit's wrappers: as text, since it may name many. */
static void
tell_grant(GrantStmt *statement)
{
	bool		is_server = statement->objtype == OBJECT_FOREIGN_SERVER;
	const char *link = statement->is_grant ? " to" : " from";
	StringInfoData text;
	ListCell   *lc;

	if (!is_server && statement->objtype != OBJECT_FDW)
		return;
	initStringInfo(&text);
	appendStringInfoString(&text, statement->privileges ? "USAGE" : "ALL");
	foreach(lc, statement->grantees)
	{
		RoleSpec   *role = lfirst_node(RoleSpec, lc);

		appendStringInfo(&text, "%s %s", link, role->roletype == ROLESPEC_PUBLIC ? "public" :
						 GetUserNameFromId(get_rolespec_oid(role, false), true));
		link = ",";
	}
	if (statement->grant_option)
		appendStringInfoString(&text, statement->is_grant ? " with grant option" : ", the grant option only");
	foreach(lc, statement->objects)
	{
		const char *name = strVal(lfirst(lc));
		ForeignServer *server = is_server ? GetForeignServerByName(name, false) : NULL;
		Oid			fdwid = server ? server->fdwid : get_foreign_data_wrapper_oid(name, false);
		Oid			owner = server ? server->owner : GetForeignDataWrapper(fdwid)->owner;
		AuditEvent	event = {
			.action = statement->is_grant ? "grant" : "revoke", .object_type = is_server ? "source" : "wrapper",
			.object = name, .organization = GetUserNameFromId(owner, true), .detail = text.data
		};

		if (registry_name_of_wrapper(fdwid))
			audit_write(&event);
	}
}

static void
tell_import(ImportForeignSchemaStmt *statement)
{
	ForeignServer *server = GetForeignServerByName(statement->server_name, false);
	AuditEvent	event = {
		.action = "import", .object_type = "source", .object = server->servername,
		.organization = GetUserNameFromId(server->owner, true),
		.detail = psprintf("schema \"%s\" into \"%s\"", statement->remote_schema, statement->local_schema)
	};

	if (registry_name_of_wrapper(server->fdwid))
		audit_write(&event);
}

static void
command_ended(Node *statement)
{
	switch (nodeTag(statement))
	{
		case T_CreateForeignServerStmt:
			tell_change(true, ForeignServerRelationId,
						get_foreign_server_oid(((CreateForeignServerStmt *) statement)->servername, true), NIL);
			break;
		case T_AlterForeignServerStmt:
			tell_change(false, ForeignServerRelationId,
						get_foreign_server_oid(((AlterForeignServerStmt *) statement)->servername, true), NIL);
			break;
		case T_RenameStmt:
			tell_change(false, ForeignServerRelationId,
						get_foreign_server_oid(((RenameStmt *) statement)->newname, true), NIL);
			break;
		case T_AlterOwnerStmt:
			tell_change(false, ForeignServerRelationId,
						get_foreign_server_oid(strVal(((AlterOwnerStmt *) statement)->object), true), NIL);
			break;
		case T_CreateUserMappingStmt:
			{
				CreateUserMappingStmt *create = (CreateUserMappingStmt *) statement;

				tell_change(true, UserMappingRelationId, find_mapping(create->user, create->servername), NIL);
				break;
			}
		case T_AlterUserMappingStmt:
			{
				AlterUserMappingStmt *alter = (AlterUserMappingStmt *) statement;

				tell_change(false, UserMappingRelationId, find_mapping(alter->user, alter->servername), alter->options);
				break;
			}
		case T_GrantStmt:
			tell_grant((GrantStmt *) statement);
			break;
		case T_ImportForeignSchemaStmt:
			tell_import((ImportForeignSchemaStmt *) statement);
			break;
		default:
			break;
	}
}

static void
objects_dropped(void)
{
	SPITupleTable *objects;
	uint64		count;

	if (before == NIL)
		return;
	SPI_connect();
	if (SPI_execute("SELECT classid, objid FROM pg_catalog.pg_event_trigger_dropped_objects()", true, 0) !=
		SPI_OK_SELECT)
		elog(ERROR, "could not read the dropped objects");
	objects = SPI_tuptable;
	count = SPI_processed;
	for (uint64 i = 0; i < count; i++)
	{
		bool		isnull;
		Oid			classid = DatumGetObjectId(SPI_getbinval(objects->vals[i], objects->tupdesc, 1, &isnull));
		Oid			objid = DatumGetObjectId(SPI_getbinval(objects->vals[i], objects->tupdesc, 2, &isnull));
		State	   *old = find_before(classid, objid);
		AuditEvent	event = {.action = "drop"};

		if (old == NULL)
			continue;
		event.object_type = old->object_type;
		event.object = old->source;
		event.organization = old->owner;
		event.old_value = old->value;
		audit_write(&event);
	}
	SPI_finish();
}

/*
 * True while a dump is restored, by the settings that it begins with: its sources are no new ones, and their history
 * comes with it. Only a superuser's session is believed.
 */
static bool
is_restore(void)
{
	return !check_function_bodies && namespace_search_path && namespace_search_path[0] == '\0' &&
		superuser_arg(GetAuthenticatedUserId());
}

PG_FUNCTION_INFO_V1(connkit_audit_ddl);

/*
 * Event trigger of all three kinds.
 */
Datum
connkit_audit_ddl(PG_FUNCTION_ARGS)
{
	EventTriggerData *trigger = (EventTriggerData *) fcinfo->context;

	if (!CALLED_AS_EVENT_TRIGGER(fcinfo))
		elog(ERROR, "connkit.audit_ddl is an event trigger function");
	if (is_restore())
		PG_RETURN_VOID();
	if (strcmp(trigger->event, "ddl_command_start") == 0)
		command_begins(trigger->parsetree);
	else if (strcmp(trigger->event, "sql_drop") == 0)
		objects_dropped();
	else
	{
		command_ended(trigger->parsetree);
		if (before_context)
			MemoryContextDelete(before_context);
	}
	PG_RETURN_VOID();
}
