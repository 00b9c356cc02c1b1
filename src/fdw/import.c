/*
 * import.c: IMPORT FOREIGN SCHEMA.
 */
#include "postgres.h"

#include "fdw.h"

List *
fdw_import_schema(ImportForeignSchemaStmt *stmt, Oid serverid)
{
	return NIL;
}
