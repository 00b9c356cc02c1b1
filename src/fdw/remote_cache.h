/*
 * remote_cache.h: what the catalog tells of foreign tables.
 */
#ifndef CONNKIT_REMOTE_CACHE_H
#define CONNKIT_REMOTE_CACHE_H

#include "remote_table.h"

typedef struct RemoteCache
{
	Oid			relid;
	MemoryContext context;		/* of all below; NULL: it is out of date */
	RemoteTable table;			/* without userid */
	int			natts;
	CkColumn   *columns;		/* by attribute number - 1 */
	Oid		   *types;
	int32	   *typmods;
} RemoteCache;

/* The table, which the caller has locked. It is valid until the transaction ends. */
extern const RemoteCache *remote_cache_get(Oid relid);

#endif							/* CONNKIT_REMOTE_CACHE_H */
