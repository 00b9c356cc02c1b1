/*
 * remote_cache.c: what the catalog tells of foreign tables, kept by each process until the catalog changes.
 *
 * What is forgotten may still be in use, by a plan that runs: it lives until the transaction ends.
 */
#include "postgres.h"

#include "access/table.h"
#include "foreign/foreign.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "registry.h"
#include "remote_cache.h"

/* Beyond so many tables, all are forgotten. */
#define MOST_TABLES 1000

static HTAB *cache = NULL;
static uint64 changes = 0;		/* counts what may have made something that is kept untrue */

static void
forget(RemoteCache *entry)
{
	if (entry->context == NULL)
		return;
	if (TopTransactionContext)
		MemoryContextSetParent(entry->context, TopTransactionContext);
	else
		MemoryContextDelete(entry->context);
	entry->context = NULL;
}

static void
forget_all(void)
{
	HASH_SEQ_STATUS all;
	RemoteCache *entry;

	changes++;
	hash_seq_init(&all, cache);
	while ((entry = hash_seq_search(&all)) != NULL)
		forget(entry);
}

static void
object_changed(Datum arg, int cacheid, uint32 hash)
{
	forget_all();
}

static void
relation_changed(Datum arg, Oid relid)
{
	RemoteCache *entry;

	if (!OidIsValid(relid))
		forget_all();
	else if ((entry = hash_search(cache, &relid, HASH_FIND, NULL)) != NULL)
	{
		changes++;
		forget(entry);
	}
}

static void
cache_init(void)
{
	HASHCTL		control = {.keysize = sizeof(Oid), .entrysize = sizeof(RemoteCache), .hcxt = CacheMemoryContext};

	cache = hash_create("connkit tables", 64, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	CacheRegisterRelcacheCallback(relation_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(FOREIGNTABLEREL, object_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(FOREIGNSERVEROID, object_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(FOREIGNDATAWRAPPEROID, object_changed, (Datum) 0);
}

/* Reads the table's columns; those that were dropped have no name. */
static void
read_columns(RemoteCache *entry)
{
	Relation	relation = table_open(entry->relid, NoLock);
	TupleDesc	desc = RelationGetDescr(relation);

	entry->natts = desc->natts;
	entry->columns = palloc0(sizeof(CkColumn) * Max(desc->natts, 1));
	entry->types = palloc0(sizeof(Oid) * Max(desc->natts, 1));
	entry->typmods = palloc0(sizeof(int32) * Max(desc->natts, 1));
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(desc, i);

		if (attribute->attisdropped)
			continue;
		entry->types[i] = attribute->atttypid;
		entry->typmods[i] = attribute->atttypmod;
		remote_describe(&entry->columns[i], entry->table.sql, remote_column_name(entry->relid, attribute->attnum),
						attribute->atttypid, attribute->atttypmod);
	}
	table_close(relation, NoLock);
}

const RemoteCache *
remote_cache_get(Oid relid)
{
	RemoteCache *entry;
	RemoteCache *made;
	MemoryContext context;
	MemoryContext caller;
	uint64		before;
	bool		found;

	if (cache == NULL)
		cache_init();
	entry = hash_search(cache, &relid, HASH_FIND, NULL);
	if (entry && entry->context)
		return entry;

	/* until it is whole, an error makes away with it */
	before = changes;
	context = AllocSetContextCreate(CurrentMemoryContext, "connkit table", ALLOCSET_SMALL_SIZES);
	caller = MemoryContextSwitchTo(context);
	made = palloc0(sizeof(RemoteCache));
	made->relid = relid;
	remote_table_read(&made->table, relid);
	read_columns(made);
	MemoryContextSwitchTo(caller);
	if (changes != before)
		return made;
	if (hash_get_num_entries(cache) >= MOST_TABLES)
	{
		HASH_SEQ_STATUS all;

		hash_seq_init(&all, cache);
		while ((entry = hash_seq_search(&all)) != NULL)
		{
			forget(entry);
			hash_search(cache, &entry->relid, HASH_REMOVE, NULL);
		}
	}
	entry = hash_search(cache, &relid, HASH_ENTER, &found);
	*entry = *made;
	MemoryContextSetParent(context, CacheMemoryContext);
	entry->context = context;
	return made;
}
