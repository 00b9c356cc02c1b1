/*
 * null.h: the null connector's options and connection.
 */
#ifndef CK_NULL_H
#define CK_NULL_H

#include "connkit.h"

/* What the options become: server's, user mapping's and table's, later over earlier. */
typedef struct NullOptions
{
	int64_t		rows;
	int64_t		text_size;		/* bytes */
	int64_t		null_every;
	/* trouble for the tests; row 0 is the opening of the scan, -1 no row at all */
	int64_t		delay_ms;
	int64_t		hang_at;
	int64_t		fail_at;
	const char *fail_with;
} NullOptions;

/* One connection. */
typedef struct NullSession
{
	bool		opened;
	int			pipe[2];		/* nobody ever writes to it: to wait for it is to wait for a dead source */
} NullSession;

/* The trouble that a test asked for at this row; else CK_OK. */
extern CkStatus null_trouble(CkScan *scan, int64_t row);

#endif							/* CK_NULL_H */
