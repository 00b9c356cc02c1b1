/*
 * moment.h: times as APIs write them.
 */
#ifndef CK_HTTP_MOMENT_H
#define CK_HTTP_MOMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Moment
{
	int64_t		microseconds;	/* since 1970, in UTC; those of a fraction beyond are cut off */
	bool		clock;			/* it has a time of day */
	bool		zone;			/* and says which zone that is in; else it is taken for UTC */
} Moment;

/* ISO 8601: YYYY-MM-DD, or that with T or a blank, hh:mm, and maybe :ss, a fraction and a zone. With short, what is behind the
 * year, the month, the day or the hour may lack. false: it is none. */
extern bool moment_read(const char *text, size_t size, bool shorter, Moment *moment);

#endif							/* CK_HTTP_MOMENT_H */
