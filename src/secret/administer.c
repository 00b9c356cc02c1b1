/*
 * administer.c: the functions by which superusers change master keys and the owners of secrets.
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/lock.h"
#include "utils/acl.h"
#include "utils/builtins.h"

#include "audit.h"
#include "keyring.h"
#include "secret.h"
#include "store.h"
#include "tables.h"

/* ERROR for who is no superuser, and for a transaction whose snapshot may be older than the table. */
static AuditEvent
administer(const char *action, const char *object_type, const char *object)
{
	AuditEvent	event = {.action = action, .object_type = object_type, .object = object};

	if (!superuser())
		secret_refuse(&event, psprintf("must be superuser to %s a %s", action, object_type), "Ask an administrator.");
	if (IsolationUsesXactSnapshot())
		ereport(ERROR,
				(errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
				 errmsg("this needs a transaction of isolation level READ COMMITTED")));
	return event;
}

/* One change of the master keys at a time, in the whole cluster; the lock ends with the transaction. */
static void
lock_keys(void)
{
	LOCKTAG		tag;

	SET_LOCKTAG_OBJECT(tag, InvalidOid, AuthIdRelationId, hash_bytes((const unsigned char *) "connkit master key", 18), 0);
	(void) LockAcquire(&tag, ExclusiveLock, false, false);
}

PG_FUNCTION_INFO_V1(connkit_rotate_master_key);

/*
 * connkit_rotate_master_key(): the new key is on disk before the first secret is stored under it, and the old ones stay.
 */
Datum
connkit_rotate_master_key(PG_FUNCTION_ARGS)
{
	AuditEvent	event = administer("rotate", "master key", NULL);
	int64		count;
	char	   *used;

	store_lock_soon();
	lock_keys();
	SPI_connect();
	used = store_used_key();
	keyring_rotate(used);
	event.object = pstrdup(keyring_current(NULL));
	count = store_encrypt_all(NULL, NULL, NULL);
	event.detail = psprintf(INT64_FORMAT " versions of secrets; before: %s", count, used ? used : "none");
	audit_write(&event);
	SPI_finish();
	PG_RETURN_INT64(count);
}

PG_FUNCTION_INFO_V1(connkit_forget_master_key);

/*
 * connkit_forget_master_key(key_id, force)
 */
Datum
connkit_forget_master_key(PG_FUNCTION_ARGS)
{
	char	   *key_id = text_to_cstring(PG_GETARG_TEXT_PP(0));
	AuditEvent	event = administer("forget", "master key", key_id);
	Oid			types[] = {TEXTOID};
	Datum		values[] = {CStringGetTextDatum(key_id)};

	/* the file does not roll back: a rotation in this transaction could, to the key that is forgotten */
	if (TransactionIdIsValid(GetTopTransactionIdIfAny()))
		ereport(ERROR,
				(errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
				 errmsg("a master key is not forgotten in a transaction that has changed something"),
				 errhint("Commit first.")));
	store_lock_soon();
	lock_keys();
	SPI_connect();
	tables_execute("SELECT FROM connkit.secret_store WHERE key_id = $1 LIMIT 1", 1, types, values, NULL);
	if (SPI_processed > 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("secrets are stored under master key %s", key_id),
				 errhint("connkit_rotate_master_key() stores them under a new one.")));
	tables_execute("SELECT FROM pg_catalog.pg_database WHERE datallowconn AND NOT datistemplate"
				   " AND datname <> current_database() LIMIT 1", 0, NULL, NULL, NULL);
	if (SPI_processed > 0 && !PG_GETARG_BOOL(1))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("other databases of the cluster may need master key %s", key_id),
				 errhint("Look for it in connkit.secret (key_id) of each database that has connkit, and in backups to be kept; "
						 "then call this with force => true.")));
	audit_write(&event);
	SPI_finish();
	/* a rotation that was committed without waiting for the disk must be there before its old key goes */
	XLogFlush(GetXLogInsertRecPtr());
	keyring_forget(key_id);
	PG_RETURN_VOID();
}

/* Of a row that names a secret of owner $1: that secret is no longer his. */
#define MOVED(column) column " NOT IN (SELECT s.name FROM connkit.secret_store AS s WHERE s.owner = $1)"

PG_FUNCTION_INFO_V1(connkit_reassign_secrets);

/*
 * connkit_reassign_secrets(old_owner, new_owner)
 */
Datum
connkit_reassign_secrets(PG_FUNCTION_ARGS)
{
	char	   *old_owner = NameStr(*PG_GETARG_NAME(0));
	char	   *new_owner = NameStr(*PG_GETARG_NAME(1));
	AuditEvent	event = administer("reassign", "secret", old_owner);
	Oid			types[] = {TEXTOID, TEXTOID, TEXTOID};
	Datum		values[3] = {CStringGetTextDatum(old_owner), CStringGetTextDatum(new_owner)};
	char	   *mark;
	int64		count;

	(void) get_role_oid(new_owner, false);
	store_lock_soon();
	SPI_connect();
	/* what a later role of the old name has set is its own */
	mark = store_left_behind(old_owner);
	values[2] = CStringGetTextDatum(mark ? mark : "");
	if (strcmp(old_owner, new_owner) != 0)
	{
		tables_execute("SELECT FROM connkit.secret_store AS o JOIN connkit.secret_store AS n USING (name)"
					   " WHERE o.owner = $1 AND o.owner_mark <> $3 AND n.owner = $2 LIMIT 1", 3, types, values, NULL);
		if (SPI_processed > 0)
			ereport(ERROR,
					(errcode(ERRCODE_DUPLICATE_OBJECT),
					 errmsg("\"%s\" and \"%s\" have secrets of the same name", old_owner, new_owner),
					 errhint("Drop one of each first.")));
	}
	count = store_encrypt_all(old_owner, mark, new_owner);
	tables_execute("UPDATE connkit.secret_grant SET owner = $2 WHERE owner = $1 AND " MOVED("name"), 2, types, values, NULL);
	tables_execute("UPDATE connkit.secret_use SET owner = $2 WHERE owner = $1 AND " MOVED("name"), 2, types, values, NULL);
	tables_execute("UPDATE connkit.source_secret SET owner = $2 WHERE owner = $1 AND " MOVED("secret"), 2, types, values, NULL);
	event.organization = new_owner;
	event.detail = psprintf(INT64_FORMAT " versions of secrets to %s", count, new_owner);
	audit_write(&event);
	SPI_finish();
	PG_RETURN_INT64(count);
}

PG_FUNCTION_INFO_V1(connkit_master_key_is_exposed);

/*
 * connkit.master_key_is_exposed(), for connkit.compliance_report
 */
Datum
connkit_master_key_is_exposed(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(superuser() && keyring_in_data_directory());
}
