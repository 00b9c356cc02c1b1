/*
 * broken.c: a connector that breaks one rule of the contract, chosen by a macro; 7-broken.pl builds and loads it.
 */
#include "connkit.h"

typedef struct BrokenOptions
{
	const char *host;
	const char *password;
} BrokenOptions;

static const CkOption broken_options[] = {
	{.name = "host", .type = CK_OPT_STRING, .where = CK_ON_SERVER, .help = "host",
#ifdef OPTION_OUTSIDE
		.offset = sizeof(BrokenOptions),
#else
		.offset = offsetof(BrokenOptions, host),
#endif
	},
	{.name = "password", .type = CK_OPT_STRING, .offset = offsetof(BrokenOptions, password), .help = "password",
#ifdef SECRET_ON_SERVER
		.where = CK_ON_SERVER | CK_ON_USER | CK_SECRET,
#else
		.where = CK_ON_USER | CK_SECRET,
#endif
	},
	{.name = NULL}
};

static CkStatus
broken_session_open(CkSession *session)
{
#ifdef OPEN_SAYS_NOTHING
	return CK_ERR_CONNECT;
#endif
#ifdef SECRET_IN_ERROR
	return ck_fail(session, CK_ERR_AUTH, "the password %s is wrong", ((const BrokenOptions *) session->options)->password);
#endif
#ifdef ERROR_NOT_UTF8
	return ck_fail(session, CK_ERR_CONNECT, "caf\xe9 \xff\xfe is closed");
#endif
	return CK_OK;
}

static void
broken_session_close(CkSession *session)
{
}

static CkStatus
broken_scan_open(CkScan *scan)
{
#ifdef SCAN_SAYS_NOTHING
	return CK_ERR_QUERY;
#endif
	return CK_OK;
}

/* One row, whose values are what the macro VALUE puts. */
static CkStatus
broken_scan_next(CkScan *scan, CkRow *row)
{
	int64_t    *count = (int64_t *) scan->state;

	if (++*count > 1)
		return CK_END;
#ifdef STATUS
	return STATUS;
#endif
#ifdef VALUE
	VALUE;
#endif
	return CK_OK;
}

static void
broken_scan_close(CkScan *scan)
{
}

static const CkConnector broken = {
#ifdef ABI_WRONG
	.abi = CK_ABI + 1,
#else
	.abi = CK_ABI,
#endif
#ifdef NAME_WRONG
	.name = "other",
#else
	.name = NAME,
#endif
#ifndef TITLE_MISSING
	.title = "broken",
#endif
	.version = "1",
#ifndef OPTIONS_MISSING
	.options = broken_options,
#endif
	.options_size = sizeof(BrokenOptions),
	.scan_size = sizeof(int64_t),
	.caps = CK_READ
#ifdef DISCOVER_MISSING
	| CK_DISCOVER
#endif
#ifdef SQL_MISSING
	| CK_REMOTE
#endif
	,
#ifndef SESSION_OPEN_MISSING
	.session_open = broken_session_open,
#endif
#ifndef SESSION_CLOSE_MISSING
	.session_close = broken_session_close,
#endif
#ifndef SCAN_OPEN_MISSING
	.scan_open = broken_scan_open,
#endif
#ifndef SCAN_NEXT_MISSING
	.scan_next = broken_scan_next,
#endif
#ifndef SCAN_CLOSE_MISSING
	.scan_close = broken_scan_close,
#endif
};

#ifndef SYMBOL_MISSING
const CkConnector *
connkit_connector(void)
{
#ifdef RETURNS_NOTHING
	return NULL;
#endif
	return &broken;
}
#endif

#ifdef LIBRARY_MISSING
extern void function_of_a_library_that_is_not_there(void);

void		(*broken_needs) (void) = function_of_a_library_that_is_not_there;
#endif
