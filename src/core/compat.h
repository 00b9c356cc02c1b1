/*
 * compat.h: what differs between PostgreSQL 14 and 18. The only file that looks at PG_VERSION_NUM.
 */
#ifndef CONNKIT_COMPAT_H
#define CONNKIT_COMPAT_H

#include "postgres.h"

#if PG_VERSION_NUM < 140000 || PG_VERSION_NUM >= 190000
#error "connkit supports PostgreSQL 14 to 18"
#endif

#include "foreign/fdwapi.h"
#include "optimizer/pathnode.h"
#include "optimizer/paths.h"
#include "utils/guc.h"

#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

/* create_foreignscan_path: 17 adds fdw_restrictinfo, 18 adds disabled_nodes */
static inline ForeignPath *
compat_foreignscan_path(PlannerInfo *root, RelOptInfo *rel, double rows, Cost startup_cost, Cost total_cost,
						List *pathkeys, Relids required_outer, List *fdw_private)
{
#if PG_VERSION_NUM >= 180000
	return create_foreignscan_path(root, rel, NULL, rows, 0, startup_cost, total_cost, pathkeys, required_outer,
								   NULL, NIL, fdw_private);
#elif PG_VERSION_NUM >= 170000
	return create_foreignscan_path(root, rel, NULL, rows, startup_cost, total_cost, pathkeys, required_outer,
								   NULL, NIL, fdw_private);
#else
	return create_foreignscan_path(root, rel, NULL, rows, startup_cost, total_cost, pathkeys, required_outer,
								   NULL, fdw_private);
#endif
}

/* An ascending or descending sort key: 18 speaks of compare types. */
static inline bool
compat_pathkey_descends(const PathKey *pathkey)
{
#if PG_VERSION_NUM >= 180000
	return pathkey->pk_cmptype == COMPARE_GT;
#else
	return pathkey->pk_strategy == BTGreaterStrategyNumber;
#endif
}

static inline void
compat_reserve_settings(const char *prefix)
{
#if PG_VERSION_NUM >= 150000
	MarkGUCPrefixReserved(prefix);
#else
	EmitWarningsOnPlaceholders(prefix);
#endif
}

#if PG_VERSION_NUM < 160000
#define COMPAT_OUTER_RELIDS(root) ((root)->all_baserels)
#else
#define COMPAT_OUTER_RELIDS(root) ((root)->all_query_rels)
#endif

#endif							/* CONNKIT_COMPAT_H */
