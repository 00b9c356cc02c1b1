/*
 * analyze.c: ANALYZE of a foreign table: a sample of its rows at the source.
 */
#include "postgres.h"

#include "fdw.h"

bool
fdw_analyze(Relation relation, AcquireSampleRowsFunc *function, BlockNumber *pages)
{
	return false;
}
