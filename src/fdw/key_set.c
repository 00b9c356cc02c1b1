/*
 * key_set.c: a set of keys, each as 128 bits of hash, in memory up to work_mem and in a temporary file beyond.
 *
 * It is a table of slots, at most half full, that a key is searched in from the place that its hash tells. The file is the same
 * table: a search reads a page of it, mostly.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "storage/buffile.h"
#include "utils/memutils.h"

#include "key_set.h"

#define FIRST_SLOTS 1024

/* What is kept of a key; all zero: an empty slot. */
typedef struct KeyHash
{
	uint64		low;
	uint64		high;
} KeyHash;

struct KeySet
{
	MemoryContext context;
	uint64		slots;			/* a power of 2 */
	uint64		used;
	KeyHash    *memory;			/* the slots, or NULL: they are in the file */
	BufFile    *file;
	StringInfoData key;			/* that is being added, as bytes */
};

static void
file_error(void)
{
	ereport(ERROR,
			(errcode_for_file_access(),
			 errmsg("could not read the temporary file of keys that were changed")));
}

/* Reads a slot. */
static KeyHash
slot_get(KeySet *set, uint64 slot)
{
	KeyHash		hash;

	if (set->memory)
		return set->memory[slot];
	if (BufFileSeek(set->file, 0, (off_t) (slot * sizeof(hash)), SEEK_SET) != 0 ||
		BufFileRead(set->file, &hash, sizeof(hash)) != sizeof(hash))
		file_error();
	return hash;
}

static void
slot_put(KeySet *set, uint64 slot, KeyHash hash)
{
	if (set->memory)
	{
		set->memory[slot] = hash;
		return;
	}
	if (BufFileSeek(set->file, 0, (off_t) (slot * sizeof(hash)), SEEK_SET) != 0)
		file_error();
	BufFileWrite(set->file, &hash, sizeof(hash));
}

static bool
is_empty(KeyHash hash)
{
	return hash.low == 0 && hash.high == 0;
}

/* Makes the slots, all empty. */
static void
slots_make(KeySet *set, uint64 slots)
{
	static const PGAlignedBlock zeros;

	set->slots = slots;
	set->used = 0;
	set->memory = NULL;
	set->file = NULL;
	if (slots * sizeof(KeyHash) <= (uint64) work_mem * 1024 || slots == FIRST_SLOTS)
	{
		set->memory = MemoryContextAllocExtended(set->context, slots * sizeof(KeyHash), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
		return;
	}
	set->file = BufFileCreateTemp(false);
	for (uint64 bytes = 0; bytes < slots * sizeof(KeyHash); bytes += sizeof(zeros))
		BufFileWrite(set->file, (void *) &zeros, sizeof(zeros));
}

static void
slots_free(KeySet *set)
{
	if (set->memory)
		pfree(set->memory);
	if (set->file)
		BufFileClose(set->file);
	set->memory = NULL;
	set->file = NULL;
}

/* Puts a hash into the set; false where it was there. */
static bool
hash_add(KeySet *set, KeyHash hash)
{
	uint64		slot = hash.low & (set->slots - 1);

	for (;;)
	{
		KeyHash		there = slot_get(set, slot);

		if (is_empty(there))
			break;
		if (there.low == hash.low && there.high == hash.high)
			return false;
		slot = (slot + 1) & (set->slots - 1);
	}
	slot_put(set, slot, hash);
	set->used++;
	return true;
}

/* Doubles the slots. */
static void
slots_grow(KeySet *set)
{
	KeySet		old = *set;
	MemoryContext caller = MemoryContextSwitchTo(set->context);

	slots_make(set, old.slots * 2);
	for (uint64 slot = 0; slot < old.slots; slot++)
	{
		KeyHash		hash = slot_get(&old, slot);

		CHECK_FOR_INTERRUPTS();
		if (!is_empty(hash))
			(void) hash_add(set, hash);
	}
	slots_free(&old);
	MemoryContextSwitchTo(caller);
}

KeySet *
key_set_begin(void)
{
	KeySet	   *set = palloc0(sizeof(KeySet));

	set->context = CurrentMemoryContext;
	initStringInfo(&set->key);
	slots_make(set, FIRST_SLOTS);
	return set;
}

bool
key_set_add(KeySet *set, const CkValue *values, int nvalues)
{
	KeyHash		hash;

	resetStringInfo(&set->key);
	for (int i = 0; i < nvalues; i++)
	{
		const CkValue *value = &values[i];
		bool		chars = value->type == CK_NUMERIC || value->type == CK_TEXT || value->type == CK_BYTES ||
			value->type == CK_JSON || value->type == CK_NATIVE;

		appendStringInfoChar(&set->key, (char) value->type);
		if (chars)
		{
			appendBinaryStringInfo(&set->key, (const char *) &value->size, sizeof(value->size));
			appendBinaryStringInfo(&set->key, value->u.p, (int) value->size);
		}
		else if (value->type != CK_NULL)
			appendBinaryStringInfo(&set->key, (const char *) &value->u.i, sizeof(value->u.i));
	}
	hash.low = hash_bytes_extended((const unsigned char *) set->key.data, set->key.len, 0);
	hash.high = hash_bytes_extended((const unsigned char *) set->key.data, set->key.len, 1) | 1;
	if (set->used * 2 >= set->slots)
		slots_grow(set);
	return hash_add(set, hash);
}

void
key_set_end(KeySet *set)
{
	slots_free(set);
	pfree(set->key.data);
	pfree(set);
}
