/*
 * describe.c: what the source's table looks like now.
 */
#include "postgres.h"

#include "sync.h"

void
describe_source(Sync *sync)
{
	elog(ERROR, "not built yet");
}

Jsonb *
shape_to_json(List *columns)
{
	elog(ERROR, "not built yet");
}

List *
shape_from_json(Jsonb *json)
{
	elog(ERROR, "not built yet");
}
