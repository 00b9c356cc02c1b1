/*
 * discover.h: records that are read to find out about tables.
 */
#ifndef CK_HTTP_DISCOVER_H
#define CK_HTTP_DISCOVER_H

#include "http_source.h"

/* Records of a request, read for what they tell of tables. */
typedef struct Records
{
	HttpScan	http;
	CkScan		scan;
} Records;

/* Asks for the records of a request, of that table's where it is about one; to be freed also after an error. */
extern CkStatus records_open(CkSession *session, const HttpTable *request, const char *table, Records **records);
/* The next one, at records->http.page->record: CK_OK, or CK_END; with all also those of further pages. */
extern CkStatus records_next(Records *records, bool all);
extern void records_free(Records *records);

/* infer.c: tells the columns of a table, as they are in its first records. */
extern CkStatus http_infer(CkSession *session, CkCatalog *catalog, const HttpTable *table);

#endif							/* CK_HTTP_DISCOVER_H */
