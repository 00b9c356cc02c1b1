/*
 * use.c: a connector that calls every service of connkit.h once; it is compiled, never run.
 */
#include "connkit.h"

static CkStatus
use_session_open(CkSession *session)
{
	ck_stage(session, CK_STAGE_CONNECT, "nowhere");
	ck_server_version(session, "use 1");
	ck_warn(session, "warning", "Hint.");
	if (ck_now_ms(session) < 0)
	{
		CkStatus	status = ck_fail(session, CK_ERR_CONNECT, "%s", "no clock");

		ck_hint(session, "Buy one.");
		ck_sqlstate(session, "08001");
		return status;
	}
	if (ck_admit(session, 10, 1000, 60000, true) != CK_OK || ck_hold(session, 500, true) != CK_OK)
		return CK_ERR_BUSY;
	if (ck_reachable(session, "localhost", 5432, "127.0.0.1") != CK_OK)
		return CK_ERR_PRIVILEGE;
	return ck_wait(session, 0, CK_READABLE | CK_WRITABLE);
}

static void
use_session_close(CkSession *session)
{
	(void) session;
}

static CkStatus
use_discover(CkSession *session, CkCatalog *catalog)
{
	CkStatus	status = ck_table(session, catalog, NULL, "t", "table", NULL, -1, -1);

	if (status == CK_OK && ck_wants(session, catalog, NULL, "t"))
		status = ck_column(session, catalog, "c", "integer", NULL, true, NULL, NULL);
	if (status == CK_OK)
		status = ck_key(session, catalog, "t_pkey", 'p', "c");
	return status;
}

static CkStatus
use_scan_open(CkScan *scan)
{
	return ck_interrupted(scan->session);
}

static CkStatus
use_scan_next(CkScan *scan, CkRow *row)
{
	ck_put_null(row, 0);
	ck_put_bool(row, 0, true);
	ck_put_int64(row, 0, -1);
	ck_put_uint64(row, 0, UINT64_MAX);
	ck_put_float64(row, 0, 0.1);
	ck_put_float32(row, 0, 0.5f);
	ck_put_numeric(row, 0, "1.5", 3);
	ck_put_text(row, 0, "text", 4);
	ck_put_bytes(row, 0, "\001", 1);
	ck_put_date(row, 0, CK_INFINITY);
	ck_put_time(row, 0, 1);
	ck_put_timestamp(row, 0, 1);
	ck_put_timestamptz(row, 0, CK_MINUS_INFINITY);
	ck_put_json(row, 0, "{}", 2);
	ck_put_native(row, 0, "\001", 1);
	ck_put_misfit(row, 0, "0000-00-00", 10);
	ck_put_int(row, 0, CK_INT64, 1);
	ck_put_chars(row, 0, CK_TEXT, "text", 4);
	return scan->nargs > 0 ? CK_OK : CK_END;
}

static void
use_scan_close(CkScan *scan)
{
	(void) scan;
}

static CkStatus
use_secret_get(CkSession *session, const char *reference, CkSecret *secret)
{
	ck_put_secret(session, secret, reference, 1, 0);
	return CK_OK;
}

const CkConnector *
connkit_connector(void)
{
	static CkConnector connector;

	connector.abi = CK_ABI;
	connector.caps = CK_DISCOVER | CK_READ | CK_SECRETS;
	connector.name = "use";
	connector.session_open = use_session_open;
	connector.session_close = use_session_close;
	connector.discover = use_discover;
	connector.scan_open = use_scan_open;
	connector.scan_next = use_scan_next;
	connector.scan_close = use_scan_close;
	connector.secret_get = use_secret_get;
	return &connector;
}
