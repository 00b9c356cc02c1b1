/*
 * functions.c: the functions by which secrets are set, granted and dropped.
 */
#include "postgres.h"

#include <sodium.h>

#include "catalog/pg_authid.h"
#include "catalog/pg_foreign_server.h"
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "foreign/foreign.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/inval.h"
#include "utils/json.h"
#include "utils/syscache.h"

#include "audit.h"
#include "command.h"
#include "compat.h"
#include "keyring.h"
#include "reach.h"
#include "registry.h"
#include "resolve.h"
#include "rolemark.h"
#include "secret.h"
#include "store.h"
#include "tables.h"

#define NAME_MAX_CHARS 200

/* What all these functions work on. */
typedef struct Subject
{
	char	   *name;
	char	   *owner;
	AuditEvent	event;
} Subject;

void
secret_check_name(const char *name)
{
	size_t		length = strlen(name);

	if (length == 0 || length > NAME_MAX_CHARS ||
		strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-") != length)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_NAME),
				 errmsg("invalid name for a secret"),
				 errhint("It is made of letters without accents, digits, \"_\", \"-\" and \".\", and not longer than %d.",
						 NAME_MAX_CHARS)));
}

/* A text argument that may not be NULL. */
static char *
text_argument(FunctionCallInfo fcinfo, int number, const char *name)
{
	if (PG_ARGISNULL(number))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("%s may not be NULL", name)));
	return text_to_cstring(PG_GETARG_TEXT_PP(number));
}

static char *
name_argument(FunctionCallInfo fcinfo, int number)
{
	return PG_ARGISNULL(number) ? NULL : pstrdup(NameStr(*PG_GETARG_NAME(number)));
}

static ArrayType *
hosts_argument(FunctionCallInfo fcinfo, int number)
{
	return PG_ARGISNULL(number) ? NULL : PG_GETARG_ARRAYTYPE_P(number);
}

void
secret_refuse(AuditEvent *event, const char *message, const char *hint)
{
	event->outcome = AUDIT_REFUSED;
	event->sqlerrcode = ERRCODE_INSUFFICIENT_PRIVILEGE;
	event->detail = message;
	audit_write_now(event, true);
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("%s", message),
			 errhint("%s", hint),
			 errhidestmt(true)));
}

/* Name and owner, NULL for the current role, whose rights the caller must have. */
static Subject
subject_new(const char *action, const char *name, const char *owner)
{
	Subject		subject = {.name = pstrdup(name), .owner = pstrdup(owner ? owner : GetUserNameFromId(GetUserId(), false))};
	Oid			role;

	secret_check_name(name);
	role = get_role_oid(subject.owner, false);
	subject.event.action = action;
	subject.event.object_type = "secret";
	subject.event.object = psprintf("%s/%s", subject.owner, subject.name);
	subject.event.organization = subject.owner;
	if (!has_privs_of_role(GetUserId(), role))
		secret_refuse(&subject.event, psprintf("must have the rights of role \"%s\" for its secrets", subject.owner),
			   "Secrets are changed by their owner, and by members of the role that owns them.");
	return subject;
}

/* What the audit log keeps of a version. */
static Jsonb *
describe(int version, const char *provider, const char *reference, ArrayType *hosts)
{
	StringInfoData json;

	initStringInfo(&json);
	appendStringInfo(&json, "{\"version\": %d, \"provider\": ", version);
	escape_json(&json, provider);
	if (reference)
	{
		appendStringInfoString(&json, ", \"reference\": ");
		escape_json(&json, reference);
	}
	if (hosts)
	{
		appendStringInfoString(&json, ", \"hosts\": ");
		escape_json(&json, OidOutputFunctionCall(F_ARRAY_OUT, PointerGetDatum(hosts)));
	}
	appendStringInfoChar(&json, '}');
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(json.data)));
}

/* ERROR where one of the patterns is none. */
static void
check_hosts_argument(ArrayType *hosts)
{
	Datum	   *patterns;
	bool	   *nulls;
	int			count;
	const char *problem;

	if (hosts == NULL)
		return;
	deconstruct_array(hosts, TEXTOID, -1, false, TYPALIGN_INT, &patterns, &nulls, &count);
	for (int i = 0; i < count; i++)
	{
		if (nulls[i])
			ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("hosts may hold no NULL")));
		problem = reach_problem(TextDatumGetCString(patterns[i]));
		if (problem)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("invalid pattern in hosts"),
					 errdetail("%s", problem),
					 errhint("A pattern is a host name, an address or a network, with \":port\" where it matters.")));
	}
}

/* Adds a version, by value or by reference, and tells the audit log. */
static int
subject_add(Subject *subject, const char *value, size_t size, const char *provider, const char *reference,
			ArrayType *hosts)
{
	int			version;

	check_hosts_argument(hosts);
	if (value)
		secret_check_value(value, size);
	SPI_connect();
	version = store_add(subject->owner, subject->name, value, size, provider, reference, hosts);
	SPI_finish();
	subject->event.new_value = describe(version, provider, reference, hosts);
	audit_write(&subject->event);
	return version;
}

int
secret_set(const char *owner, const char *name, const char *value, size_t size, ArrayType *hosts)
{
	Subject		subject = subject_new("set", name, owner);

	return subject_add(&subject, value, size, SECRET_STORE, NULL, hosts);
}

int
secret_set_sealed(const char *owner, const char *name, const char *sealed, ArrayType *hosts)
{
	Subject		subject = subject_new("set", name, owner);
	size_t		size = strlen(sealed),
				length;
	unsigned char *binary = palloc(size + 1);
	char	   *value = NULL;
	int			version;

	if (sodium_base642bin(binary, size, sealed, size, " \r\n\t", &length, NULL, sodium_base64_VARIANT_ORIGINAL) == 0)
		value = keyring_open_sealed(subject.owner, subject.name, binary, length, &length);
	if (value == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the sealed value does not open"),
				 errdetail("It is not base64, or was sealed for another owner or name, or with a key that is not on hand."),
				 errhint("Seal it with the key that connkit_public_key() tells for this name and owner now.")));
	version = subject_add(&subject, value, length, SECRET_STORE, NULL, hosts);
	keyring_wipe(value, length);
	return version;
}

/*
 * The current version of the secret (back 0), or the one before it (1). NULL where there is none, or it is what an earlier
 * role of the owner's name left behind: that is nobody's but superusers'.
 */
static StoredSecret *
subject_get(const Subject *subject, int back)
{
	StoredSecret *stored = store_get(subject->owner, subject->name, back);

	return stored && (superuser() || OidIsValid(rolemark_role(stored->owner, stored->mark))) ? stored : NULL;
}

/* Connections that stand were made with what may be used no more: each backend closes its own before its next transaction. */
static void
end_sessions(void)
{
	CacheInvalidateCatalog(ForeignServerRelationId);
}

bool
secret_drop(const char *owner, const char *name)
{
	Subject		subject = subject_new("drop", name, owner);
	Oid			types[] = {TEXTOID, TEXTOID};
	Datum		values[] = {CStringGetTextDatum(subject.owner), CStringGetTextDatum(subject.name)};
	bool		there;

	SPI_connect();
	there = subject_get(&subject, 0) != NULL;
	if (there)
	{
		tables_execute("DELETE FROM connkit.secret_store WHERE owner = $1 AND name = $2", 2, types, values, NULL);
		tables_execute("DELETE FROM connkit.secret_grant WHERE owner = $1 AND name = $2", 2, types, values, NULL);
		tables_execute("DELETE FROM connkit.secret_use WHERE owner = $1 AND name = $2", 2, types, values, NULL);
		/* what is set under the name later was not made for the source */
		tables_execute("DELETE FROM connkit.source_secret WHERE owner = $1 AND secret = $2", 2, types, values, NULL);
		end_sessions();
	}
	SPI_finish();
	if (there)
		audit_write(&subject.event);
	return there;
}

void
secret_hide_statement(void *arg)
{
	errhidestmt(true);
}

/* Runs while arguments hold a secret. */
#define GUARDED(call) \
	do { \
		ErrorContextCallback guard = {.callback = secret_hide_statement, .previous = error_context_stack}; \
		error_context_stack = &guard; \
		secret_guard_statement(); \
		call; \
		error_context_stack = guard.previous; \
	} while (0)

PG_FUNCTION_INFO_V1(connkit_set_secret);

/*
 * connkit_set_secret(name, value, owner, hosts)
 */
Datum
connkit_set_secret(PG_FUNCTION_ARGS)
{
	int			version;
	char	   *name;
	char	   *value;

	GUARDED({
		name = text_argument(fcinfo, 0, "name");
		value = text_argument(fcinfo, 1, "value");
		version = secret_set(name_argument(fcinfo, 2), name, value, strlen(value), hosts_argument(fcinfo, 3));
		keyring_wipe(value, strlen(value));
	});
	PG_RETURN_INT32(version);
}

PG_FUNCTION_INFO_V1(connkit_set_sealed_secret);

/*
 * connkit_set_sealed_secret(name, sealed, owner, hosts)
 */
Datum
connkit_set_sealed_secret(PG_FUNCTION_ARGS)
{
	char	   *name = text_argument(fcinfo, 0, "name");
	char	   *sealed = text_argument(fcinfo, 1, "sealed");

	PG_RETURN_INT32(secret_set_sealed(name_argument(fcinfo, 2), name, sealed, hosts_argument(fcinfo, 3)));
}

PG_FUNCTION_INFO_V1(connkit_public_key);

/*
 * connkit_public_key(name, owner)
 */
Datum
connkit_public_key(PG_FUNCTION_ARGS)
{
	char	   *name = PG_ARGISNULL(0) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(0));
	Subject		subject = subject_new("seal", name ? name : "any", name_argument(fcinfo, 1));
	unsigned char key[KEYRING_PUBLIC_BYTES];
	char		text[sodium_base64_ENCODED_LEN(KEYRING_PUBLIC_BYTES, sodium_base64_VARIANT_ORIGINAL)];
	char	   *used;

	SPI_connect();
	used = store_used_key();
	(void) keyring_current(used);
	SPI_finish();
	keyring_public_key(subject.owner, name, key);
	sodium_bin2base64(text, sizeof(text), key, sizeof(key), sodium_base64_VARIANT_ORIGINAL);
	PG_RETURN_TEXT_P(cstring_to_text(text));
}

/* Only who has that predefined role, or is superuser, may have the server read what he names. */
static void
require_role(Subject *subject, Oid role, const char *origin)
{
	if (superuser() || (OidIsValid(role) && has_privs_of_role(GetUserId(), role)))
		return;
	secret_refuse(&subject->event, psprintf("permission denied to read a secret by \"%s\"", origin),
		   OidIsValid(role) ? psprintf("It takes the rights of role \"%s\".", GetUserNameFromId(role, false)) :
		   "It takes a superuser.");
}

PG_FUNCTION_INFO_V1(connkit_load_secret);

/*
 * connkit_load_secret(name, origin, reference, owner, hosts)
 */
Datum
connkit_load_secret(PG_FUNCTION_ARGS)
{
	Subject		subject = subject_new("set", text_argument(fcinfo, 0, "name"), name_argument(fcinfo, 3));
	char	   *origin = text_argument(fcinfo, 1, "origin");
	char	   *reference = text_argument(fcinfo, 2, "reference");
	char	   *value;
	size_t		size;
	int			version;

	if (strcmp(origin, SECRET_FILE) == 0)
		require_role(&subject, ROLE_PG_READ_SERVER_FILES, origin);
	else if (strcmp(origin, SECRET_ENVIRONMENT) == 0)
		require_role(&subject, InvalidOid, origin);
	else if (strcmp(origin, "command") == 0)
		require_role(&subject, ROLE_PG_EXECUTE_SERVER_PROGRAM, origin);
	else
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("there is no origin \"%s\"", origin),
				 errhint("It is file, environment or command.")));
	if (strcmp(origin, "command") == 0)
	{
		const char *fault;

		value = palloc(SECRET_MAX + 2);
		fault = command_read(reference, value, SECRET_MAX + 2);
		if (fault)
			ereport(ERROR,
					(errcode(ERRCODE_EXTERNAL_ROUTINE_INVOCATION_EXCEPTION),
					 errmsg("the command gave no secret: %s", fault)));
		size = strlen(value);
		if (size > 0 && value[size - 1] == '\n')
			value[--size] = '\0';
	}
	else
		value = secret_read_local(origin, reference, &size);
	version = subject_add(&subject, value, size, SECRET_STORE, NULL, hosts_argument(fcinfo, 4));
	keyring_wipe(value, size);
	PG_RETURN_INT32(version);
}

PG_FUNCTION_INFO_V1(connkit_link_secret);

/*
 * connkit_link_secret(name, provider, reference, owner, hosts)
 */
Datum
connkit_link_secret(PG_FUNCTION_ARGS)
{
	Subject		subject = subject_new("link", text_argument(fcinfo, 0, "name"), name_argument(fcinfo, 3));
	char	   *provider = text_argument(fcinfo, 1, "provider");
	char	   *reference = text_argument(fcinfo, 2, "reference");

	if (strcmp(provider, SECRET_FILE) == 0)
		require_role(&subject, ROLE_PG_READ_SERVER_FILES, provider);
	else if (strcmp(provider, SECRET_ENVIRONMENT) == 0)
		require_role(&subject, InvalidOid, provider);
	else
	{
		Oid			serverid = get_foreign_server_oid(provider, true);

		if (!OidIsValid(serverid))
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_OBJECT),
					 errmsg("there is no provider \"%s\"", provider),
					 errhint("It is environment, file, or the name of a source that keeps secrets.")));
		if (compat_server_aclcheck(serverid, GetUserId(), ACL_USAGE) != ACLCHECK_OK)
			secret_refuse(&subject.event, psprintf("permission denied for foreign server %s", provider),
				   "GRANT USAGE ON FOREIGN SERVER … gives the right.");
		if (!(registry_connector_of_server(serverid)->caps & CK_SECRETS))
			ereport(ERROR,
					(errcode(ERRCODE_WRONG_OBJECT_TYPE),
					 errmsg("source \"%s\" keeps no secrets", provider),
					 errhint("connkit.connector shows the capability \"secrets\" of those that do.")));
	}
	if (reference[0] == '\0')
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("reference may not be empty")));
	PG_RETURN_INT32(subject_add(&subject, NULL, 0, provider, reference, hosts_argument(fcinfo, 4)));
}

/* ERROR: there is no such secret. */
static void
no_secret(const Subject *subject)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("\"%s\" has no secret \"%s\"", subject->owner, subject->name),
			 errhint("connkit.secret lists those that you may see.")));
}

PG_FUNCTION_INFO_V1(connkit_drop_secret);

/*
 * connkit_drop_secret(name, owner, force)
 */
Datum
connkit_drop_secret(PG_FUNCTION_ARGS)
{
	Subject		subject = subject_new("drop", text_argument(fcinfo, 0, "name"), name_argument(fcinfo, 1));
	Oid			types[] = {TEXTOID, TEXTOID};
	Datum		values[] = {CStringGetTextDatum(subject.owner), CStringGetTextDatum(subject.name)};
	char	   *users = NULL;

	if (PG_ARGISNULL(2) || !PG_GETARG_BOOL(2))
	{
		SPI_connect();
		if (subject_get(&subject, 0) == NULL)
			no_secret(&subject);
		tables_execute("SELECT string_agg(u, ', ') FROM connkit.secret AS s, unnest(s.used_by) AS u"
					   " WHERE s.owner = $1 AND s.name = $2", 2, types, values, NULL);
		users = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
		if (users)
			ereport(ERROR,
					(errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
					 errmsg("secret \"%s\" is used", subject.name),
					 errdetail("User mappings of these sources name it: %s.", users),
					 errhint("Change them first, or drop it with force => true.")));
		SPI_finish();
	}
	if (!secret_drop(subject.owner, subject.name))
		no_secret(&subject);
	PG_RETURN_VOID();
}

PG_FUNCTION_INFO_V1(connkit_revert_secret);

/*
 * connkit_revert_secret(name, owner)
 */
Datum
connkit_revert_secret(PG_FUNCTION_ARGS)
{
	Subject		subject = subject_new("revert", text_argument(fcinfo, 0, "name"), name_argument(fcinfo, 1));
	StoredSecret *before;
	char	   *value = NULL;
	size_t		size = 0;
	int			version;

	SPI_connect();
	if (subject_get(&subject, 0) == NULL)
		no_secret(&subject);
	before = subject_get(&subject, 1);
	if (before == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("secret \"%s\" of \"%s\" has no version before the present one", subject.name, subject.owner)));
	if (before->message)
		value = store_open(before, &size);
	else if (!secret_is_local(before->provider))
		(void) secret_provider(before);
	/* the value goes back to where it could be sent then */
	version = store_add(subject.owner, subject.name, value, size, before->provider, before->reference,
						before->hosts ? before->hosts : construct_empty_array(TEXTOID));
	if (value)
		keyring_wipe(value, size);
	subject.event.new_value = describe(version, before->provider, before->reference, before->hosts);
	audit_write(&subject.event);
	/* all of the above is in the memory that goes with this */
	SPI_finish();
	PG_RETURN_INT32(version);
}

/* Grants or revokes. */
static void
change_grant(FunctionCallInfo fcinfo, const char *action, const char *sql)
{
	Subject		subject = subject_new(action, text_argument(fcinfo, 0, "name"), name_argument(fcinfo, 3));
	char	   *grantee = name_argument(fcinfo, 1);
	char	   *source = name_argument(fcinfo, 2);
	Oid			types[] = {TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID};
	Datum		values[6];
	char		nulls[] = "      ";

	if (grantee == NULL)
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("grantee may not be NULL")));
	SPI_connect();
	if (subject_get(&subject, 0) == NULL)
		no_secret(&subject);
	nulls[3] = source ? ' ' : 'n';
	values[0] = CStringGetTextDatum(subject.owner);
	values[1] = CStringGetTextDatum(subject.name);
	values[2] = CStringGetTextDatum(grantee);
	values[3] = source ? CStringGetTextDatum(source) : (Datum) 0;
	values[4] = CStringGetTextDatum(rolemark_make(get_role_oid(grantee, strcmp(action, "revoke") == 0)));
	values[5] = CStringGetTextDatum(GetUserNameFromId(GetUserId(), false));
	tables_execute(sql, 6, types, values, nulls);
	if (strcmp(action, "revoke") == 0)
		end_sessions();
	SPI_finish();
	subject.event.detail = source ? psprintf("role %s, source %s", grantee, source) : psprintf("role %s", grantee);
	audit_write(&subject.event);
}

PG_FUNCTION_INFO_V1(connkit_grant_secret);

/*
 * connkit_grant_secret(name, grantee, source, owner)
 */
Datum
connkit_grant_secret(PG_FUNCTION_ARGS)
{
	change_grant(fcinfo, "grant", "INSERT INTO connkit.secret_grant (owner, name, grantee, source, grantee_mark, granted_by)"
				 " VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (owner, name, grantee, coalesce(source, ''))"
				 " DO UPDATE SET grantee_mark = excluded.grantee_mark, granted_by = excluded.granted_by");
	PG_RETURN_VOID();
}

PG_FUNCTION_INFO_V1(connkit_revoke_secret);

/*
 * connkit_revoke_secret(name, grantee, source, owner)
 */
Datum
connkit_revoke_secret(PG_FUNCTION_ARGS)
{
	change_grant(fcinfo, "revoke", "DELETE FROM connkit.secret_grant WHERE owner = $1 AND name = $2 AND grantee = $3"
				 " AND source IS NOT DISTINCT FROM $4 AND $5 IS NOT NULL AND $6 IS NOT NULL");
	PG_RETURN_VOID();
}

PG_FUNCTION_INFO_V1(connkit_role_is_mine);

/*
 * connkit.role_is_mine(role, mark)
 */
Datum
connkit_role_is_mine(PG_FUNCTION_ARGS)
{
	Oid			role = rolemark_role(NameStr(*PG_GETARG_NAME(0)), text_to_cstring(PG_GETARG_TEXT_PP(1)));

	PG_RETURN_BOOL(superuser() || (OidIsValid(role) && has_privs_of_role(GetUserId(), role)));
}
