/*
 * stmt_cache.h: the prepared statements of one session, by SQL text, the least recently used given up first.
 *
 * A statement serves one scan at a time: what get() returns and put() takes is in use until unpin(). Two scans of
 * the same SQL that are open at once have two statements.
 */
#ifndef CK_STMT_CACHE_H
#define CK_STMT_CACHE_H

#include <stdbool.h>

#define CK_STMT_CACHE_SIZE 64

typedef struct CkStmtCache CkStmtCache;

/* A cache that gives its statements up by drop(owner, stmt); NULL when out of memory. */
extern CkStmtCache *ck_stmt_cache_new(void (*drop) (void *owner, void *stmt), void *owner);

/* An unused statement of that SQL, which is now in use; or NULL. */
extern void *ck_stmt_cache_get(CkStmtCache *cache, const char *sql);

/* Takes over a new statement, which is in use. false: no room, it stays the caller's. */
extern bool ck_stmt_cache_put(CkStmtCache *cache, const char *sql, void *stmt);

/* The statement is free for others again. false: it is not in the cache, which may be NULL, so the caller has to drop
 * it. */
extern bool ck_stmt_cache_unpin(CkStmtCache *cache, void *stmt);

/* Drops a statement that has become useless, in use or not. false: it is not in the cache. */
extern bool ck_stmt_cache_remove(CkStmtCache *cache, void *stmt);

/* Drops everything; cache may be NULL. */
extern void ck_stmt_cache_free(CkStmtCache *cache);

#endif							/* CK_STMT_CACHE_H */
