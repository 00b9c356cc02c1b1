/*
 * truncate.c: TRUNCATE of foreign tables.
 */
#include "postgres.h"

#include "access/xact.h"
#include "foreign/foreign.h"
#include "utils/rel.h"

#include "fdw.h"
#include "modify.h"

/* Runs such a statement at the source of the tables. */
static void
run_truncate(const RemoteTable *table, const char *sql)
{
	CommandId	command = GetCurrentCommandId(true);
	SourceScan *scan = scan_new(table->serverid, table->userid, table->source_options, sql, 0, NULL, NULL, NULL, NULL,
								modify_flags(table, NULL));

	scan->pub.table_name = scan_utf8(table->table);
	scan->command = command;
	fdw_settle(table->serverid, table->userid, command);
	(void) scan_change(scan, NULL, 0);
	scan_end(scan);
}

/* The tables are all of one source. */
void
fdw_truncate(List *relations, DropBehavior behavior, bool restart_seqs)
{
	StringInfoData names;
	RemoteTable table;
	ListCell   *lc;

	initStringInfo(&names);
	foreach(lc, relations)
	{
		Relation	relation = lfirst(lc);
		StringInfoData one;

		remote_table_init(&table, RelationGetRelid(relation), GetUserId());
		modify_check(&table, CMD_UTILITY);
		if (!table.common.truncatable)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("foreign table \"%s\" does not allow truncates", RelationGetRelationName(relation)),
					 errhint("Its option truncatable, or its server's, is false.")));
		if (!table.sql->native && (behavior == DROP_CASCADE || restart_seqs))
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("source \"%s\" knows no TRUNCATE %s", GetForeignServer(table.serverid)->servername,
							restart_seqs ? "RESTART IDENTITY" : "CASCADE")));
		initStringInfo(&one);
		remote_name(&one, &table);
		if (table.sql->truncate && !table.sql->native)
			run_truncate(&table, psprintf("%s %s", table.sql->truncate, one.data));
		else if (!table.sql->native)
			run_truncate(&table, psprintf("DELETE FROM %s", one.data));
		appendStringInfo(&names, "%s%s", lc == list_head(relations) ? "" : ", ", one.data);
	}
	if (table.sql->native)
		run_truncate(&table, psprintf("%s %s%s%s", table.sql->truncate, names.data,
									  restart_seqs ? " RESTART IDENTITY" : "", behavior == DROP_CASCADE ? " CASCADE" : ""));
}
