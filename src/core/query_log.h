/*
 * query_log.h: requests to sources that took long: connkit.remote_query_log.
 */
#ifndef CONNKIT_QUERY_LOG_H
#define CONNKIT_QUERY_LOG_H

#include "postgres.h"
#include "datatype/timestamp.h"

/* One execution of a request, as its scan tells of it. */
typedef struct LoggedRequest
{
	Oid			serverid;
	const char *source;
	Oid			role;			/* who asked */
	const char *request;		/* in the server's encoding, without the values of its placeholders */
	TimestampTz started;
	double		milliseconds;	/* waited for the source */
	uint64		rows;
	uint64		bytes;
	int			sqlerrcode;		/* how it failed; 0: well, or it was not read to its end */
} LoggedRequest;

/* The setting connkit.log_remote_min_duration: milliseconds, -1 is off. */
extern int	query_log_min_duration;

/* Whether the execution that begins is one of those that are looked at; asked only where the setting is not -1. */
extern bool query_log_sample(void);

/* Keeps it if it took long enough. Throws nothing, for it is called in the end of aborted transactions too. */
extern void query_log_tell(const LoggedRequest *request);

extern void query_log_init(void);

#endif							/* CONNKIT_QUERY_LOG_H */
