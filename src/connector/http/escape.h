/*
 * escape.h: escapes in a JSON text that stand for half of a character: libyajl makes of them a question mark, or another one.
 */
#ifndef CK_HTTP_ESCAPE_H
#define CK_HTTP_ESCAPE_H

#include <stdbool.h>
#include <stddef.h>

/* What is held back of the pieces so far, as it may be the first half of a pair. */
typedef struct EscapeFilter
{
	char		held[12];
	size_t		size;
	char	   *out;			/* the last piece */
	size_t		room;
} EscapeFilter;

/*
 * Takes a piece of the text, and gives the piece to read in its place, which lives until the next call: a first half of a pair
 * without its second is, in the same length, a second one, of which libyajl makes what is no UTF-8, as the value is none. false:
 * out of memory.
 */
extern bool escape_filter(EscapeFilter *filter, const char **data, size_t *size);

/* What is still held back at the end: its bytes. */
extern size_t escape_rest(EscapeFilter *filter, const char **data);

#endif							/* CK_HTTP_ESCAPE_H */
