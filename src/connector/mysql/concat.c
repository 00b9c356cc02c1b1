/*
 * concat.c: sees to it that no value of GROUP_CONCAT() is read that the source has cut.
 *
 * The session asks for as much as the source can do, which is max_allowed_packet: there it cuts, with a warning behind the last
 * row. A scan may end before that, so a value of that length is taken for one that was cut.
 */
#include "session.h"

#include <stdlib.h>
#include <string.h>

#define ER_CUT_VALUE_GROUP_CONCAT 1260

CkStatus
concat_fail(CkScan *scan)
{
	ck_fail(scan->session, CK_ERR_DATA, "the source has cut a value of string_agg() at %llu bytes",
			(unsigned long long) ((MysqlSession *) scan->session->state)->max_packet);
	ck_hint(scan->session, "Raise max_allowed_packet of the source.");
	return CK_ERR_DATA;
}

CkStatus
concat_begin(CkScan *scan, bool *concat)
{
	MysqlSession *state = scan->session->state;
	MYSQL_RES  *rows = NULL;
	MYSQL_ROW	row;
	CkStatus	status;

	*concat = scan->remote && strstr(scan->remote, "GROUP_CONCAT(") != NULL;
	if (!*concat || state->max_packet > 0)
		return CK_OK;
	scan->round_trips++;
	status = call_query(scan->session, "SELECT @@max_allowed_packet", &rows);
	if (status != CK_OK)
		return status;
	row = mysql_fetch_row(rows);
	if (row && row[0])
		state->max_packet = strtoull(row[0], NULL, 10);
	mysql_free_result(rows);
	return CK_OK;
}

CkStatus
concat_end(CkScan *scan)
{
	MYSQL_RES  *rows = NULL;
	MYSQL_ROW	row;
	CkStatus	status = call_query(scan->session, "SHOW WARNINGS", &rows);

	if (status != CK_OK)
		return status;
	while (status == CK_OK && (row = mysql_fetch_row(rows)) != NULL)
		if (row[1] && strtoul(row[1], NULL, 10) == ER_CUT_VALUE_GROUP_CONCAT)
			status = concat_fail(scan);
	mysql_free_result(rows);
	return status;
}
