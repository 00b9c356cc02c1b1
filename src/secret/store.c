/*
 * store.c: keeps secrets as OpenPGP messages that pgcrypto makes, under keys of the keyring.
 */
#include "postgres.h"

#include "access/xlog.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "commands/defrem.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "foreign/foreign.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "keyring.h"
#include "resolve.h"
#include "rolemark.h"
#include "store.h"
#include "tables.h"

/* Versions of a secret that are kept. */
#define VERSIONS_KEPT 5
/* Milliseconds to wait for a lock on the whole table. */
#define LOCK_MS 10000

/* The key is as long as a key can be: nothing is won by stretching it. */
#define PGP_OPTIONS "cipher-algo=aes256, s2k-mode=1, compress-algo=0"

static Oid
store_relation(void)
{
	return get_relname_relid("secret_store", get_namespace_oid("connkit", false));
}

void
store_lock(LOCKMODE mode)
{
	LockRelationOid(store_relation(), mode);
}

void
store_lock_soon(void)
{
	TimestampTz begin = GetCurrentTimestamp();

	while (!ConditionalLockRelationOid(store_relation(), ShareRowExclusiveLock))
	{
		if (TimestampDifferenceExceeds(begin, GetCurrentTimestamp(), LOCK_MS))
			ereport(ERROR,
					(errcode(ERRCODE_LOCK_NOT_AVAILABLE),
					 errmsg("other transactions are setting secrets"),
					 errhint("Try again when they have ended; pg_locks shows who holds connkit.secret_store.")));
		CHECK_FOR_INTERRUPTS();
		pg_usleep(20000);
	}
}

/* Calls one of pgcrypto's functions by its symbol: neither key nor value pass through SQL. */
static bytea *
pgcrypto(const char *function, bytea *data, const char *passphrase)
{
	PGFunction	call = (PGFunction) load_external_function("$libdir/pgcrypto", function, true, NULL);
	text	   *key = cstring_to_text(passphrase);
	bytea	   *result;

	result = DatumGetByteaPP(DirectFunctionCall3(call, PointerGetDatum(data), PointerGetDatum(key),
												 CStringGetTextDatum(PGP_OPTIONS)));
	keyring_wipe(VARDATA(key), VARSIZE(key) - VARHDRSZ);
	return result;
}

/* A column of the row at hand as palloc'd text, or NULL. */
static char *
column(int number)
{
	return SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, number);
}

StoredSecret *
store_get(const char *owner, const char *name, int back)
{
	Oid			types[] = {TEXTOID, TEXTOID, INT4OID};
	Datum		values[] = {CStringGetTextDatum(owner), CStringGetTextDatum(name), Int32GetDatum(back)};
	StoredSecret *secret;
	Datum		value;
	bool		isnull;

	tables_execute("SELECT version, provider, reference, key_id, owner_mark, message, hosts, provider_mark"
				   " FROM connkit.secret_store WHERE owner = $1 AND name = $2 ORDER BY version DESC OFFSET $3 LIMIT 1",
				   3, types, values, NULL);
	if (SPI_processed == 0)
		return NULL;
	secret = palloc0(sizeof(StoredSecret));
	secret->owner = pstrdup(owner);
	secret->name = pstrdup(name);
	secret->version = pg_strtoint32(column(1));
	secret->provider = column(2);
	secret->reference = column(3);
	secret->key_id = column(4);
	secret->mark = column(5);
	secret->provider_mark = column(8);
	value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 6, &isnull);
	if (!isnull)
		secret->message = DatumGetByteaPCopy(value);
	value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 7, &isnull);
	if (!isnull)
		secret->hosts = DatumGetArrayTypePCopy(value);
	return secret;
}

char *
store_open(const StoredSecret *secret, size_t *size)
{
	MemoryContext caller = CurrentMemoryContext;
	char		passphrase[KEYRING_PASSPHRASE_CHARS + 1];
	bytea	   *volatile plain = NULL;
	char	   *value;

	keyring_passphrase(secret->key_id, secret->owner, secret->name, secret->version, passphrase);
	PG_TRY();
	{
		plain = pgcrypto("pgp_sym_decrypt_bytea", secret->message, passphrase);
	}
	PG_CATCH();
	{
		int			code = geterrcode();

		keyring_wipe(passphrase, sizeof(passphrase));
		if (code != ERRCODE_EXTERNAL_ROUTINE_INVOCATION_EXCEPTION)
			PG_RE_THROW();
		MemoryContextSwitchTo(caller);
		FlushErrorState();
	}
	PG_END_TRY();
	keyring_wipe(passphrase, sizeof(passphrase));
	if (plain == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("secret \"%s\" of \"%s\" does not open with its key", secret->name, secret->owner),
				 errdetail("Its row in connkit.secret_store was changed, or copied from another owner, name or version."),
				 errhint("Set the secret anew.")));
	*size = VARSIZE_ANY_EXHDR(plain);
	value = palloc(*size + 1);
	memcpy(value, VARDATA_ANY(plain), *size);
	value[*size] = '\0';
	keyring_wipe(VARDATA_ANY(plain), *size);
	return value;
}

/* The value as an OpenPGP message. */
static bytea *
store_close(const char *key_id, const char *owner, const char *name, int version, const char *value, size_t size)
{
	char		passphrase[KEYRING_PASSPHRASE_CHARS + 1];
	bytea	   *plain = palloc(size + VARHDRSZ);
	bytea	   *message;

	SET_VARSIZE(plain, size + VARHDRSZ);
	memcpy(VARDATA(plain), value, size);
	keyring_passphrase(key_id, owner, name, version, passphrase);
	message = pgcrypto("pgp_sym_encrypt_bytea", plain, passphrase);
	keyring_wipe(VARDATA(plain), size);
	keyring_wipe(passphrase, sizeof(passphrase));
	return message;
}

char *
store_used_key(void)
{
	tables_execute("SELECT key_id FROM connkit.secret_store WHERE key_id IS NOT NULL ORDER BY created DESC LIMIT 1",
				   0, NULL, NULL, NULL);
	return SPI_processed > 0 ? column(1) : NULL;
}

int
store_add(const char *owner, const char *name, const char *value, size_t size, const char *provider,
		  const char *reference, ArrayType *hosts)
{
	Oid			types[] = {TEXTOID, TEXTOID, INT4OID, TEXTOID, TEXTOID, BYTEAOID, TEXTOID, TEXTARRAYOID, TEXTOID, TEXTOID,
	TEXTOID};
	Datum		values[11] = {CStringGetTextDatum(owner), CStringGetTextDatum(name)};
	char		nulls[] = "           ";
	uint32		lock = hash_bytes((const unsigned char *) name, strlen(name));
	StoredSecret *before;
	Oid			serverid;
	int			version;

	/* before the key is chosen: who rotates sees this row, or this sees his key */
	store_lock(RowExclusiveLock);
	/* by the role: another's secret has no name that would hold this one up */
	LockDatabaseObject(store_relation(), get_role_oid(owner, false), (uint16) lock, ExclusiveLock);
	before = store_get(owner, name, 0);
	if (before && !OidIsValid(rolemark_role(owner, before->mark)))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("an earlier role \"%s\" left a secret \"%s\" behind", owner, name),
				 errhint("A superuser gives what it left to another role with connkit_reassign_secrets(), or drops it with "
						 "connkit_drop_secret().")));
	version = before ? before->version + 1 : 1;
	if (hosts == NULL && before)
		hosts = before->hosts;
	else if (hosts && ArrayGetNItems(ARR_NDIM(hosts), ARR_DIMS(hosts)) == 0)
		hosts = NULL;
	nulls[4] = reference ? ' ' : 'n';
	nulls[5] = nulls[6] = value ? ' ' : 'n';
	nulls[7] = hosts ? ' ' : 'n';
	values[2] = Int32GetDatum(version);
	values[3] = CStringGetTextDatum(provider);
	if (reference)
		values[4] = CStringGetTextDatum(reference);
	serverid = reference && !secret_is_local(provider) ? get_foreign_server_oid(provider, false) : InvalidOid;
	nulls[10] = OidIsValid(serverid) ? ' ' : 'n';
	if (OidIsValid(serverid))
		values[10] = CStringGetTextDatum(rolemark_make(GetForeignServer(serverid)->owner));
	if (value)
	{
		const char *key_id = keyring_current(store_used_key());

		values[5] = PointerGetDatum(store_close(key_id, owner, name, version, value, size));
		values[6] = CStringGetTextDatum(key_id);
	}
	values[7] = PointerGetDatum(hosts);
	values[8] = CStringGetTextDatum(GetUserNameFromId(GetUserId(), false));
	values[9] = CStringGetTextDatum(rolemark_make(get_role_oid(owner, false)));
	tables_execute("INSERT INTO connkit.secret_store (owner, name, version, provider, reference, message, key_id, hosts,"
				   " created_by, owner_mark, provider_mark) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)", 11,
				   types, values, nulls);
	values[2] = Int32GetDatum(version - VERSIONS_KEPT);
	tables_execute("DELETE FROM connkit.secret_store WHERE owner = $1 AND name = $2 AND version <= $3", 3, types, values,
				   NULL);
	return version;
}

/* Encrypts the version in one row of the result anew. */
static void
store_encrypt_row(SPITupleTable *rows, uint64 row, const char *key_id, const char *new_owner)
{
	Oid			types[] = {TEXTOID, TEXTOID, INT4OID, BYTEAOID, TEXTOID, TEXTOID, TEXTOID};
	Datum		values[7];
	char		nulls[] = "       ";
	StoredSecret secret = {
		.owner = SPI_getvalue(rows->vals[row], rows->tupdesc, 1), .name = SPI_getvalue(rows->vals[row], rows->tupdesc, 2),
		.version = pg_strtoint32(SPI_getvalue(rows->vals[row], rows->tupdesc, 3)),
		.key_id = SPI_getvalue(rows->vals[row], rows->tupdesc, 4), .mark = SPI_getvalue(rows->vals[row], rows->tupdesc, 6)
	};
	const char *owner = new_owner ? new_owner : secret.owner;
	Oid			role = new_owner ? get_role_oid(new_owner, false) : rolemark_role(secret.owner, secret.mark);
	bool		isnull;
	Datum		message = SPI_getbinval(rows->vals[row], rows->tupdesc, 5, &isnull);

	nulls[3] = nulls[4] = isnull ? 'n' : ' ';
	if (!isnull)
	{
		size_t		size;
		char	   *value;

		secret.message = DatumGetByteaPP(message);
		value = store_open(&secret, &size);
		values[3] = PointerGetDatum(store_close(key_id, owner, secret.name, secret.version, value, size));
		values[4] = CStringGetTextDatum(key_id);
		keyring_wipe(value, size);
	}
	values[0] = CStringGetTextDatum(secret.owner);
	values[1] = CStringGetTextDatum(secret.name);
	values[2] = Int32GetDatum(secret.version);
	values[5] = CStringGetTextDatum(owner);
	/* what came with a dump is the role's of this cluster from now on */
	values[6] = CStringGetTextDatum(OidIsValid(role) ? rolemark_make(role) : secret.mark);
	tables_execute("UPDATE connkit.secret_store SET message = $4, key_id = $5, owner = $6, owner_mark = $7"
				   " WHERE owner = $1 AND name = $2 AND version = $3", 7, types, values, nulls);
}

/* Grants that came with a dump are to the roles of this cluster from now on. */
static void
store_tie_grants(void)
{
	Oid			type = TEXTOID;
	Datum		cluster = CStringGetTextDatum(psprintf(UINT64_FORMAT ":", GetSystemIdentifier()));

	tables_execute("UPDATE connkit.secret_grant SET grantee_mark = $1 || r.oid FROM pg_roles AS r"
				   " WHERE r.rolname = grantee AND NOT starts_with(grantee_mark, $1)", 1, &type, &cluster, NULL);
}

char *
store_left_behind(const char *owner)
{
	Oid			role = get_role_oid(owner, true);
	Oid			types[] = {TEXTOID, TEXTOID, TEXTOID};
	Datum		values[3] = {CStringGetTextDatum(owner)};
	char	   *mark;

	if (!OidIsValid(role))
		return NULL;
	mark = rolemark_make(role);
	values[1] = CStringGetTextDatum(mark);
	values[2] = CStringGetTextDatum(psprintf(UINT64_FORMAT ":", GetSystemIdentifier()));
	tables_execute("SELECT FROM connkit.secret_store WHERE owner = $1 AND owner_mark <> $2 AND starts_with(owner_mark, $3)"
				   " LIMIT 1", 3, types, values, NULL);
	return SPI_processed > 0 ? mark : NULL;
}

int64
store_encrypt_all(const char *owner, const char *mark, const char *new_owner)
{
	Oid			types[] = {TEXTOID, TEXTOID};
	Datum		values[] = {CStringGetTextDatum(owner ? owner : ""), CStringGetTextDatum(mark ? mark : "")};
	char		nulls[] = {owner ? ' ' : 'n', ' ', '\0'};
	const char *key_id = NULL;
	SPITupleTable *rows;
	uint64		count;
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext context = AllocSetContextCreate(caller, "connkit secrets", ALLOCSET_DEFAULT_SIZES);

	tables_execute("SELECT owner, name, version, key_id, message, owner_mark FROM connkit.secret_store"
				   " WHERE ($1 IS NULL OR owner = $1) AND owner_mark <> $2", 2, types, values, nulls);
	rows = SPI_tuptable;
	count = SPI_processed;
	if (count > 0)
		key_id = pstrdup(keyring_current(store_used_key()));
	MemoryContextSwitchTo(context);
	for (uint64 i = 0; i < count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		store_encrypt_row(rows, i, key_id, new_owner);
		MemoryContextReset(context);
	}
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);
	if (owner == NULL)
		store_tie_grants();
	return count;
}
