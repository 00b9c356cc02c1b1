/*
 * stmt_cache.c: the prepared statements of one session, by SQL text, the least recently used given up first.
 */
#include "stmt_cache.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef struct Entry
{
	char	   *sql;			/* NULL: the entry is free */
	void	   *stmt;
	uint64_t	used;			/* the cache's clock when it was last asked for */
	uint32_t	hash;
	bool		pinned;
} Entry;

struct CkStmtCache
{
	void		(*drop) (void *owner, void *stmt);
	void	   *owner;
	uint64_t	clock;
	Entry		entries[CK_STMT_CACHE_SIZE];
};

/* FNV-1a of a string. */
static uint32_t
stmt_cache_hash(const char *sql)
{
	uint32_t	hash = 2166136261u;

	while (*sql)
		hash = (hash ^ (unsigned char) *sql++) * 16777619u;
	return hash;
}

/* The entry that holds a statement, or NULL. */
static Entry *
stmt_cache_find(CkStmtCache *cache, void *stmt)
{
	for (int i = 0; i < CK_STMT_CACHE_SIZE; i++)
	{
		if (cache->entries[i].sql && cache->entries[i].stmt == stmt)
			return &cache->entries[i];
	}
	return NULL;
}

/* Empties an entry. */
static void
stmt_cache_clear(CkStmtCache *cache, Entry *entry)
{
	void	   *stmt = entry->stmt;

	free(entry->sql);
	memset(entry, 0, sizeof(*entry));
	cache->drop(cache->owner, stmt);
}

CkStmtCache *
ck_stmt_cache_new(void (*drop) (void *owner, void *stmt), void *owner)
{
	CkStmtCache *cache = calloc(1, sizeof(*cache));

	if (!cache)
		return NULL;
	cache->drop = drop;
	cache->owner = owner;
	return cache;
}

void *
ck_stmt_cache_get(CkStmtCache *cache, const char *sql)
{
	uint32_t	hash = stmt_cache_hash(sql);

	for (int i = 0; i < CK_STMT_CACHE_SIZE; i++)
	{
		Entry	   *entry = &cache->entries[i];

		if (entry->sql && !entry->pinned && entry->hash == hash && strcmp(entry->sql, sql) == 0)
		{
			entry->pinned = true;
			entry->used = ++cache->clock;
			return entry->stmt;
		}
	}
	return NULL;
}

bool
ck_stmt_cache_put(CkStmtCache *cache, const char *sql, void *stmt)
{
	Entry	   *victim = NULL;
	char	   *copy;

	/* a free entry was never used: its clock is 0 */
	for (int i = 0; i < CK_STMT_CACHE_SIZE; i++)
	{
		Entry	   *entry = &cache->entries[i];

		if (!entry->pinned && (!victim || entry->used < victim->used))
			victim = entry;
	}
	if (!victim || !(copy = strdup(sql)))
		return false;
	if (victim->sql)
		stmt_cache_clear(cache, victim);
	victim->sql = copy;
	victim->stmt = stmt;
	victim->hash = stmt_cache_hash(sql);
	victim->used = ++cache->clock;
	victim->pinned = true;
	return true;
}

bool
ck_stmt_cache_unpin(CkStmtCache *cache, void *stmt)
{
	Entry	   *entry = cache ? stmt_cache_find(cache, stmt) : NULL;

	if (entry)
		entry->pinned = false;
	return entry != NULL;
}

bool
ck_stmt_cache_remove(CkStmtCache *cache, void *stmt)
{
	Entry	   *entry = stmt_cache_find(cache, stmt);

	if (entry)
		stmt_cache_clear(cache, entry);
	return entry != NULL;
}

void
ck_stmt_cache_free(CkStmtCache *cache)
{
	if (!cache)
		return;
	for (int i = 0; i < CK_STMT_CACHE_SIZE; i++)
	{
		if (cache->entries[i].sql)
			stmt_cache_clear(cache, &cache->entries[i]);
	}
	free(cache);
}
