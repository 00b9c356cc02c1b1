/*
 * resolve.c: finds the secret that an option names, checks that it may be used and where it would go, and reads it from
 * the store or its provider.
 *
 * A secret may be used when whoever says where the source is, the server's owner, may use it; and, where the user mapping
 * is not PUBLIC's, the mapped role too: either of the two can have written the name.
 */
#include "postgres.h"

#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>

#include "catalog/pg_foreign_server.h"
#include "catalog/pg_type.h"
#include "catalog/pg_user_mapping.h"
#include "commands/defrem.h"
#include "executor/spi.h"
#include "foreign/foreign.h"
#include "lib/ilist.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "storage/fd.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "audit.h"
#include "compat.h"
#include "keyring.h"
#include "options.h"
#include "reach.h"
#include "registry.h"
#include "resolve.h"
#include "rolemark.h"
#include "store.h"
#include "tables.h"

/* A provider may itself need secrets of another; deeper than this they lead in a circle. */
#define MAX_DEPTH 3

/* What a provider told, for a while. */
typedef struct Cached
{
	dlist_node	node;
	Oid			serverid;
	Oid			userid;
	char	   *reference;
	char	   *value;			/* in libsodium's guarded memory */
	size_t		size;
	TimestampTz expires;
} Cached;

static dlist_head cache = DLIST_STATIC_INIT(cache);
static uint64 changes = 0;		/* of servers and user mappings */
static int	cache_seconds = 300;
static int	depth = 0;

static void
cache_drop(Cached *cached)
{
	dlist_delete(&cached->node);
	sodium_free(cached->value);
	pfree(cached->reference);
	pfree(cached);
}

/* A server or a user mapping changed: what was read by way of it may not be what it leads to now. */
static void
cache_invalidate(Datum arg, int cacheid, uint32 hash)
{
	dlist_mutable_iter iter;

	changes++;
	dlist_foreach_modify(iter, &cache)
		cache_drop(dlist_container(Cached, node, iter.cur));
}

/* A palloc'd copy of what the cache has, or NULL; with fresh, the entry goes. */
static char *
cache_get(Oid serverid, Oid userid, const char *reference, bool fresh, size_t *size)
{
	dlist_mutable_iter iter;

	dlist_foreach_modify(iter, &cache)
	{
		Cached	   *cached = dlist_container(Cached, node, iter.cur);

		if (cached->serverid != serverid || cached->userid != userid || strcmp(cached->reference, reference) != 0)
			continue;
		if (!fresh && cached->expires > GetCurrentTimestamp())
		{
			char	   *value = palloc(cached->size + 1);

			memcpy(value, cached->value, cached->size + 1);
			*size = cached->size;
			return value;
		}
		cache_drop(cached);
		break;
	}
	return NULL;
}

static void
cache_put(Oid serverid, Oid userid, const char *reference, const char *value, size_t size, int64 lifetime_ms)
{
	Cached	   *cached;
	char	   *guarded;

	if (lifetime_ms <= 0 || lifetime_ms > cache_seconds * INT64CONST(1000))
		lifetime_ms = cache_seconds * INT64CONST(1000);
	if (lifetime_ms == 0 || sodium_init() < 0 || (guarded = sodium_malloc(size + 1)) == NULL)
		return;
	memcpy(guarded, value, size + 1);
	cached = MemoryContextAllocZero(TopMemoryContext, sizeof(Cached));
	cached->serverid = serverid;
	cached->userid = userid;
	cached->reference = MemoryContextStrdup(TopMemoryContext, reference);
	cached->value = guarded;
	cached->size = size;
	cached->expires = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), lifetime_ms);
	dlist_push_head(&cache, &cached->node);
}

void
secret_check_value(const char *value, size_t size)
{
	if (size == 0 || size > SECRET_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 size == 0 ? errmsg("a secret may not be empty") :
				 errmsg("a secret may not be longer than %d bytes", SECRET_MAX)));
	if (strlen(value) != size || pg_verify_mbstr(GetDatabaseEncoding(), value, size, true) == false)
		ereport(ERROR,
				(errcode(ERRCODE_CHARACTER_NOT_IN_REPERTOIRE),
				 errmsg("the secret is no text in the database's encoding"),
				 errhint("Bytes can be kept as hex or base64 where the source takes that.")));
}

/* Reads a file as a whole. */
static char *
read_whole_file(const char *path, size_t *size)
{
	char	   *value = palloc(SECRET_MAX + 2);
	struct stat status;
	ssize_t		got;
	int			file = OpenTransientFile(path, O_RDONLY | O_NONBLOCK | PG_BINARY);

	if (file < 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not open the file of a secret: %m"),
				 errhint("It must be readable for the user that the server runs as.")));
	if (fstat(file, &status) < 0 || !S_ISREG(status.st_mode))
		ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE), errmsg("the file of a secret is no regular file")));
	*size = 0;
	while ((got = read(file, value + *size, SECRET_MAX + 1 - *size)) > 0)
		*size += got;
	if (got < 0)
		ereport(ERROR, (errcode_for_file_access(), errmsg("could not read the file of a secret: %m")));
	CloseTransientFile(file);
	value[*size] = '\0';
	return value;
}

char *
secret_read_local(const char *provider, const char *reference, size_t *size)
{
	char	   *value;

	if (strcmp(provider, SECRET_FILE) == 0)
		value = read_whole_file(reference, size);
	else
	{
		const char *variable = getenv(reference);

		if (variable == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_OBJECT),
					 errmsg("the server has no environment variable \"%s\"", reference),
					 errhint("It must be set where the server is started.")));
		value = pstrdup(variable);
		*size = strlen(value);
	}
	/* the end of a line is an editor's work */
	if (*size > 0 && value[*size - 1] == '\n')
		value[--*size] = '\0';
	if (*size > 0 && value[*size - 1] == '\r')
		value[--*size] = '\0';
	secret_check_value(value, *size);
	return value;
}

bool
secret_is_local(const char *provider)
{
	return strcmp(provider, SECRET_ENVIRONMENT) == 0 || strcmp(provider, SECRET_FILE) == 0;
}

Oid
secret_provider(const StoredSecret *stored)
{
	Oid			serverid = get_foreign_server_oid(stored->provider, true);

	if (!OidIsValid(serverid))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("secret \"%s\" is kept by source \"%s\", which does not exist", stored->name, stored->provider),
				 errhint("Create that source, or link the secret anew with connkit_link_secret().")));
	if (stored->provider_mark && !rolemark_is(GetForeignServer(serverid)->owner, stored->provider_mark))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("source \"%s\", which keeps secret \"%s\", has another owner than when it was linked",
						stored->provider, stored->name),
				 errhint("Link the secret again with connkit_link_secret(), if that owner is to be trusted with it.")));
	return serverid;
}

/* Reads the value from a source that keeps secrets, as the owner of the secret. */
static char *
read_provider(SecretUse *use, const StoredSecret *stored, size_t *size)
{
	Oid			serverid = secret_provider(stored);
	Oid			userid = rolemark_role(stored->owner, stored->mark);
	CkSecret	secret = {.context = CurrentMemoryContext};
	const CkConnector *connector;
	const char *reference;
	Session    *session;
	CkStatus	status;
	char	   *value;
	uint64		before = changes;

	if (compat_server_aclcheck(serverid, userid, ACL_USAGE) != ACLCHECK_OK)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("\"%s\" may not use source \"%s\", which keeps secret \"%s\"", stored->owner, stored->provider,
						stored->name),
				 errhint("GRANT USAGE ON FOREIGN SERVER … gives the right.")));
	value = cache_get(serverid, userid, stored->reference, use->fresh, size);
	if (value)
	{
		use->cached = true;
		return value;
	}
	connector = registry_connector_of_server(serverid);
	if (!(connector->caps & CK_SECRETS))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("source \"%s\" keeps no secrets", stored->provider)));
	reference = pg_server_to_any(stored->reference, strlen(stored->reference), PG_UTF8);
	session = session_open_alone(serverid, userid);
	status = connector->secret_get(&session->pub, reference, &secret);
	if (status != CK_OK)
	{
		session_abandon(session);
		session_raise(session, status);
	}
	session_free(session);
	if (secret.value == NULL)
		ereport(ERROR, (errcode(ERRCODE_FDW_ERROR), errmsg("source \"%s\" told no secret", stored->provider)));
	value = pg_any_to_server(secret.value, secret.size, PG_UTF8);
	*size = strlen(value);
	secret_check_value(value, *size);
	/* not where the provider has changed meanwhile */
	if (changes == before)
		cache_put(serverid, userid, stored->reference, value, *size, secret.lifetime_ms);
	if (value != secret.value)
		keyring_wipe(secret.value, secret.size);
	return value;
}

static char *
read_secret(SecretUse *use, const StoredSecret *stored, size_t *size)
{
	char	   *value;

	if (strcmp(stored->provider, SECRET_STORE) == 0)
		return store_open(stored, size);
	if (secret_is_local(stored->provider))
		return secret_read_local(stored->provider, stored->reference, size);
	if (depth >= MAX_DEPTH)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_RECURSION),
				 errmsg("sources that keep secrets need each other's secrets"),
				 errhint("Keep the credentials of the first one in the store: connkit_set_secret().")));
	depth++;
	PG_TRY();
	{
		value = read_provider(use, stored, size);
	}
	PG_FINALLY();
	{
		depth--;
	}
	PG_END_TRY();
	return value;
}

/* True where the role has the owner's role, or a grant, for that source. */
static bool
secret_usable(const StoredSecret *stored, Oid role, const char *source)
{
	Oid			types[] = {TEXTOID, TEXTOID, TEXTOID};
	Datum		values[] = {CStringGetTextDatum(stored->owner), CStringGetTextDatum(stored->name), CStringGetTextDatum(source)};
	Oid			owner = rolemark_role(stored->owner, stored->mark);

	if (!OidIsValid(owner))
		return false;
	if (has_privs_of_role(role, owner))
		return true;
	tables_execute("SELECT grantee, grantee_mark FROM connkit.secret_grant WHERE owner = $1 AND name = $2"
				   " AND (source IS NULL OR source = $3)", 3, types, values, NULL);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		Oid			grantee = rolemark_role(SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1),
												SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 2));

		if (OidIsValid(grantee) && has_privs_of_role(role, grantee))
			return true;
	}
	return false;
}

static bool
secret_usable_here(const StoredSecret *stored, const SecretUse *use)
{
	return secret_usable(stored, use->owner, use->source) &&
		(!use->own_mapping || secret_usable(stored, use->userid, use->source));
}

/*
 * The secret that an option names, "name" or "owner/name", if it may be used here. A name alone is first the mapped
 * role's, then the server's owner's. *label gets "owner/name" for the audit log.
 */
static StoredSecret *
secret_find(const SecretUse *use, const char *named, char **label)
{
	const char *slash = strchr(named, '/');
	Oid			owners[2];
	int			count = 0;

	*label = pstrdup(named);
	if (slash)
	{
		StoredSecret *stored = store_get(pnstrdup(named, slash - named), slash + 1, 0);

		return stored && secret_usable_here(stored, use) ? stored : NULL;
	}
	if (use->own_mapping)
		owners[count++] = use->userid;
	owners[count++] = use->owner;
	for (int i = 0; i < count; i++)
	{
		char	   *owner = GetUserNameFromId(owners[i], false);
		StoredSecret *stored = store_get(owner, named, 0);

		if (stored && secret_usable_here(stored, use))
		{
			*label = psprintf("%s/%s", owner, named);
			return stored;
		}
	}
	return NULL;
}

/* ERROR where the secret may be sent to some hosts only, and the source is not at one of them. */
static void
check_hosts(const StoredSecret *stored, const SecretUse *use)
{
	Datum	   *patterns;
	bool	   *nulls;
	int			count;
	char	   *host;
	int			port;

	if (stored->hosts == NULL)
		return;
	deconstruct_array(stored->hosts, TEXTOID, -1, false, TYPALIGN_INT, &patterns, &nulls, &count);
	if (secret_host(use->connector, use->server_options, &host, &port))
	{
		for (int i = 0; i < count; i++)
			if (!nulls[i] && reach_matches(TextDatumGetCString(patterns[i]), host, port, NULL))
				return;
	}
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("secret \"%s\" may not be sent to where source \"%s\" is", stored->name, use->source),
			 errdetail("It is bound to other hosts or ports."),
			 errhint("Set the secret anew for this host: connkit_set_secret(…, hosts => …) or connkit_alter_source().")));
}

/* Reads the secret; what goes wrong is told in the audit log. */
static char *
read_audited(SecretUse *use, const StoredSecret *stored, AuditEvent *event)
{
	char	   *value;
	size_t		size;

	audit_begin();
	PG_TRY();
	{
		check_hosts(stored, use);
		value = read_secret(use, stored, &size);
	}
	PG_CATCH();
	{
		audit_write_error(event);
		PG_RE_THROW();
	}
	PG_END_TRY();
	audit_end();
	audit_write_now(event, false);
	return value;
}

/* The value of what one option names. */
static char *
resolve_one(SecretUse *use, const char *option, const char *named)
{
	char	   *label;
	StoredSecret *stored = secret_find(use, named, &label);
	AuditEvent	event = {
		.action = "use", .object_type = "secret", .object = label, .organization = stored ? stored->owner : NULL,
		.detail = psprintf("option %s of source %s", option, use->source)
	};

	if (stored == NULL)
	{
		event.outcome = AUDIT_REFUSED;
		event.sqlerrcode = ERRCODE_UNDEFINED_OBJECT;
		audit_write_now(&event, true);
		/* the same words whether it is not there or not for this use: names of others' secrets are nobody's business */
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("option \"%s\" of source \"%s\" names no secret that may be used for it", option, use->source),
				 errhint("The secret must be there, and the server's owner and, unless the user mapping is PUBLIC's, the "
						 "mapped role must have its owner's role or a grant. Write owner/name for that of another role.")));
	}
	return read_audited(use, stored, &event);
}

List *
secret_resolve(SecretUse *use, List *user_options)
{
	MemoryContext caller = CurrentMemoryContext;
	List	   *resolved = NIL;
	ListCell   *lc;

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	foreach(lc, user_options)
	{
		DefElem    *def = lfirst_node(DefElem, lc);
		const CkOption *option = options_secret_base(use->connector, def->defname);
		char	   *value = NULL;
		MemoryContext inner;

		if (option)
			value = resolve_one(use, def->defname, defGetString(def));
		inner = MemoryContextSwitchTo(caller);
		if (option)
			def = makeDefElem(pstrdup(option->name), (Node *) makeString(pstrdup(value)), -1);
		resolved = lappend(resolved, def);
		MemoryContextSwitchTo(inner);
		if (value)
			keyring_wipe(value, strlen(value));
	}
	SPI_finish();
	return resolved;
}

void
secret_resolve_init(void)
{
	DefineCustomIntVariable("connkit.secret_cache",
							"Seconds for which a backend keeps what a source that keeps secrets told.",
							"0 asks every time. A lifetime that the source tells is not exceeded.",
							&cache_seconds, 300, 0, 86400, PGC_SUSET, GUC_UNIT_S, NULL, NULL, NULL);
	CacheRegisterSyscacheCallback(FOREIGNSERVEROID, cache_invalidate, (Datum) 0);
	CacheRegisterSyscacheCallback(USERMAPPINGOID, cache_invalidate, (Datum) 0);
	session_resolve_secrets = secret_resolve;
}
