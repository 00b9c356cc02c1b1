/*
 * fault.h: what a manifest says of replies that tell of an error, and of limits on how often may be asked.
 */
#ifndef CK_HTTP_FAULT_H
#define CK_HTTP_FAULT_H

#include "json.h"

/* What becomes of a reply, in the order of the words of a manifest. */
typedef enum HttpVerdict
{
	VERDICT_FAIL,
	VERDICT_EMPTY,				/* it stands for no rows */
	VERDICT_RETRY,				/* the same is asked again after some time */
	VERDICT_RATE_LIMITED,		/* after the time that the source wants */
	VERDICT_REFRESH,			/* with a new token */
	VERDICT_IGNORE,				/* it is as good as others */
	VERDICT_GOOD				/* it is good */
} HttpVerdict;

#define VERDICT_WORDS "fail|empty|retry|rate_limited|refresh|ignore"

/* Ranges of statuses of one rule; rules of one list whose path is looked at in good replies. */
#define FAULT_STATUSES 8
#define FAULT_LATE 4

typedef struct HttpFaultRule
{
	struct
	{
		int			first;
		int			last;
	}			statuses[FAULT_STATUSES];	/* up to one that begins with 0 */
	JsonPath	path;			/* in the body; NULL: nothing there is asked for */
	const char **equals;		/* what is there is one of these, up to a NULL; or NULL */
	const char *contains;		/* what is there, or without a path the body, has this text; or NULL */
	HttpVerdict verdict;
	const char *message;		/* for people, or NULL */
} HttpFaultRule;

typedef struct HttpFaults
{
	HttpFaultRule *rules;		/* the first that fits decides */
	size_t		nrules;
	JsonPath	message;		/* of the source's own words in the body of an error; NULL: the usual places */
} HttpFaults;

/* How a time is written at which requests are welcome again. */
typedef enum HttpResetForm
{
	RESET_ANY,					/* by its size */
	RESET_UNIX,					/* seconds since 1970 */
	RESET_SECONDS,				/* from now */
	RESET_UNIX_MS,
	RESET_ISO
} HttpResetForm;

#define RESET_WORDS "any|unix|seconds|unix_ms|iso"

/* The longest interval in which requests are counted: a day. */
#define MAX_REQUESTS_SECONDS 86400

typedef struct HttpRateLimit
{
	const char *remaining;		/* header with the number of requests that are left; NULL: the usual ones */
	const char *reset;			/* header with the time when there will be more */
	HttpResetForm reset_in;
	int64_t		requests;		/* of the whole, that may be sent in so many seconds; 0: any number */
	int64_t		seconds;
} HttpRateLimit;

#endif							/* CK_HTTP_FAULT_H */
