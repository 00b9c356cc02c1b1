/*
 * trouble.c: what goes wrong with a source, on demand, for the tests. A connector for a real source has no such file.
 */
#include <time.h>

#include "null.h"

/* The errors of the option fail_with. */
static const struct
{
	const char *name;
	CkStatus	status;
}			trouble_errors[] = {
	{"option", CK_ERR_OPTION}, {"resolve", CK_ERR_RESOLVE}, {"connect", CK_ERR_CONNECT}, {"tls", CK_ERR_TLS},
	{"auth", CK_ERR_AUTH}, {"database", CK_ERR_DATABASE}, {"privilege", CK_ERR_PRIVILEGE},
	{"not_found", CK_ERR_NOT_FOUND}, {"timeout", CK_ERR_TIMEOUT}, {"lost", CK_ERR_LOST}, {"busy", CK_ERR_BUSY},
	{"query", CK_ERR_QUERY}, {"data", CK_ERR_DATA}, {"protocol", CK_ERR_PROTOCOL},
	{"unsupported", CK_ERR_UNSUPPORTED}, {"memory", CK_ERR_MEMORY}, {"internal", CK_ERR_INTERNAL}
};

/* Waits as a library does that waits by itself and polls a callback. */
static CkStatus
trouble_delay(CkSession *session, int64_t delay_ms)
{
	int64_t		end = ck_now_ms(session) + delay_ms;
	CkStatus	status = CK_OK;

	while (status == CK_OK && ck_now_ms(session) < end)
	{
		struct timespec moment = {.tv_nsec = 1000000};

		nanosleep(&moment, NULL);
		status = ck_interrupted(session);
	}
	return status;
}

CkStatus
null_trouble(CkScan *scan, int64_t row)
{
	const NullOptions *options = scan->options;
	NullSession *null = scan->session->state;

	if (row == options->fail_at)
	{
		for (size_t i = 0; i < sizeof(trouble_errors) / sizeof(trouble_errors[0]); i++)
			if (strcmp(trouble_errors[i].name, options->fail_with) == 0)
				return ck_fail(scan->session, trouble_errors[i].status, "row %lld fails as it was told to",
							   (long long) row);
	}
	/* as for a socket that stays silent: ends by the user's cancel or at the deadline */
	if (row == options->hang_at)
		return ck_wait(scan->session, null->pipe[0], CK_READABLE);
	if (row > 0 && options->delay_ms > 0)
		return trouble_delay(scan->session, options->delay_ms);
	return CK_OK;
}
