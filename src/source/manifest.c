/*
 * manifest.c: connkit_register_connector() and connkit_unregister_connector(): connectors that are a manifest, and no module.
 *
 * Such a connector is a foreign-data wrapper with the option manifest, and its two functions. They belong to the extension's
 * owner, as wrappers have to; the role that registered it may use it, let others use it, replace it and remove it.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "foreign/foreign.h"
#include "miscadmin.h"
#include "nodes/value.h"
#include "parser/parse_func.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/syscache.h"

#include "audit.h"
#include "compat.h"
#include "options.h"
#include "registry.h"
#include "tables.h"

/* Text of the member "name" of a manifest. ERROR where it could not be a connector's. */
static char *
manifest_name(Jsonb *manifest)
{
	JsonbValue	key = {.type = jbvString, .val.string = {.val = "name", .len = 4}};
	JsonbValue *value = JB_ROOT_IS_OBJECT(manifest) ? findJsonbValueFromContainer(&manifest->root, JB_FOBJECT, &key) : NULL;
	char	   *name = value && value->type == jbvString ? pnstrdup(value->val.string.val, value->val.string.len) : "";

	if (name[0] == '\0' || strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") != strlen(name) ||
		strlen(name) > NAMEDATALEN - 20)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the manifest's name is not made of the letters a-z, digits and underscores, or too long"),
				 errhint("A manifest begins with {\"manifest\": 1, \"name\": \"…\", …; see docs/manifest.md.")));
	return name;
}

/* Runs a statement as the owner of the extension. */
static void
run(char *sql)
{
	if (tables_execute(sql, 0, NULL, NULL, NULL) < 0)
		elog(ERROR, "could not run a statement for a connector");
}

/* The wrapper of a connector that is a manifest, or InvalidOid where there is none of that name. ERROR where it is another's. */
static Oid
own_wrapper(const char *name)
{
	char	   *wrapper = psprintf("connkit_%s", name);
	Oid			fdwid = get_foreign_data_wrapper_oid(wrapper, true);

	if (!OidIsValid(fdwid))
		return fdwid;
	if (options_get(GetForeignDataWrapper(fdwid)->options, MANIFEST_OPTION) == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("connector \"%s\" is no manifest", name),
				 errhint("Choose another name; connkit.connector lists those that are taken.")));
	if (compat_wrapper_aclcheck(fdwid, GetUserId(), ACL_GRANT_OPTION_FOR(ACL_USAGE)) != ACLCHECK_OK)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("connector \"%s\" was registered by another role", name),
				 errhint("Who may grant the right to use it may replace it.")));
	return fdwid;
}

/* Tells the audit log. */
static void
tell(const char *action, const char *name)
{
	AuditEvent	event = {
		.action = action, .object_type = "connector", .object = name,
		.organization = GetUserNameFromId(GetUserId(), false)
	};

	audit_write(&event);
}

/* Owner of a function. */
static Oid
owner_of(Oid function)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	Oid			owner = HeapTupleIsValid(tuple) ? ((Form_pg_proc) GETSTRUCT(tuple))->proowner : InvalidOid;

	if (HeapTupleIsValid(tuple))
		ReleaseSysCache(tuple);
	return owner;
}

/* Drops a connector's function that stayed behind when its wrapper was dropped by itself; maker is the one that makes them. */
static void
drop_left_over(Oid maker, char *function, int nargs, const Oid *args)
{
	char	   *schema = get_namespace_name(get_func_namespace(maker));
	Oid			oid = LookupFuncName(list_make2(makeString(schema), makeString(function)), nargs, args, true);

	if (OidIsValid(oid) && owner_of(oid) == owner_of(maker))
		run(psprintf("DROP FUNCTION %s", format_procedure_qualified(oid)));
}

PG_FUNCTION_INFO_V1(connkit_register_connector);

/*
 * connkit_register_connector(manifest) → name of the wrapper
 */
Datum
connkit_register_connector(PG_FUNCTION_ARGS)
{
	Jsonb	   *manifest = PG_GETARG_JSONB_P(0);
	char	   *text = JsonbToCString(NULL, &manifest->root, VARSIZE(manifest));
	char	   *name = manifest_name(manifest);
	Oid			maker = get_foreign_data_wrapper_oid("connkit_http", false);
	const char *schema = quote_identifier(get_namespace_name(get_func_namespace(fcinfo->flinfo->fn_oid)));
	Oid			existing;

	if (compat_wrapper_aclcheck(maker, GetUserId(), ACL_USAGE) != ACLCHECK_OK)
		aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_FDW, "connkit_http");
	existing = own_wrapper(name);
	registry_check_manifest(name, text);
	text = quote_literal_cstr(text);
	SPI_connect();
	if (OidIsValid(existing))
		run(psprintf("ALTER FOREIGN DATA WRAPPER connkit_%s OPTIONS (SET manifest %s)", name, text));
	else
	{
		Oid			args[] = {TEXTARRAYOID, OIDOID};

		drop_left_over(fcinfo->flinfo->fn_oid, psprintf("connkit_%s_handler", name), 0, NULL);
		drop_left_over(fcinfo->flinfo->fn_oid, psprintf("connkit_%s_validator", name), 2, args);
		run(psprintf("CREATE FUNCTION %s.connkit_%s_handler() RETURNS fdw_handler"
					 " AS '$libdir/connkit', 'connkit_handler' LANGUAGE C STRICT", schema, name));
		run(psprintf("CREATE FUNCTION %s.connkit_%s_validator(text[], oid) RETURNS void"
					 " AS '$libdir/connkit', 'connkit_validator' LANGUAGE C STRICT", schema, name));
		run(psprintf("ALTER FUNCTION %s.connkit_%s_handler() DEPENDS ON EXTENSION connkit", schema, name));
		run(psprintf("ALTER FUNCTION %s.connkit_%s_validator(text[], oid) DEPENDS ON EXTENSION connkit", schema, name));
		run(psprintf("CREATE FOREIGN DATA WRAPPER connkit_%s HANDLER %s.connkit_%s_handler VALIDATOR %s.connkit_%s_validator"
					 " OPTIONS (manifest %s)", name, schema, name, schema, name, text));
		run(psprintf("GRANT USAGE ON FOREIGN DATA WRAPPER connkit_%s TO %s WITH GRANT OPTION", name,
					 quote_identifier(GetUserNameFromId(GetUserId(), false))));
	}
	SPI_finish();
	tell(OidIsValid(existing) ? "replace" : "register", name);
	return DirectFunctionCall1(namein, CStringGetDatum(psprintf("connkit_%s", name)));
}

PG_FUNCTION_INFO_V1(connkit_unregister_connector);

/*
 * connkit_unregister_connector(name)
 */
Datum
connkit_unregister_connector(PG_FUNCTION_ARGS)
{
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	const char *schema = quote_identifier(get_namespace_name(get_func_namespace(fcinfo->flinfo->fn_oid)));

	if (!OidIsValid(own_wrapper(name)))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("there is no connector \"%s\"", name),
				 errhint("connkit.connector lists them.")));
	SPI_connect();
	run(psprintf("DROP FOREIGN DATA WRAPPER connkit_%s", name));
	run(psprintf("DROP FUNCTION %s.connkit_%s_validator(text[], oid)", schema, name));
	run(psprintf("DROP FUNCTION %s.connkit_%s_handler()", schema, name));
	SPI_finish();
	tell("unregister", name);
	PG_RETURN_VOID();
}
