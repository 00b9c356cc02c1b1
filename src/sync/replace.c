/*
 * replace.c: a table's storage exchanged for one that was loaded beside it.
 */
#include "postgres.h"

#include "sync.h"

const char *
replace_obstacle(Oid target)
{
	return "not built yet";
}

Oid
replace_begin(Oid target)
{
	elog(ERROR, "not built yet");
}

void
replace_build(Oid target, Oid heap)
{
}

void
replace_finish(Oid target, Oid heap)
{
}
