/*
 * escape.c: finds halves of surrogate pairs among a JSON text's escapes.
 */
#include "escape.h"

#include <stdlib.h>
#include <string.h>

/* Bytes of an escape by a number. */
#define ESCAPE 6

/* Whether an escape is a half of a pair: the first (D800 to DBFF), or the second (DC00 to DFFF). */
static bool
is_half(const char *escape, const char *digits)
{
	return (escape[2] == 'd' || escape[2] == 'D') && escape[3] && strchr(digits, escape[3]);
}

#define FIRST "89abAB"
#define SECOND "cdefCDEF"

/* Puts so many of the bytes that are held back into the piece. */
static size_t
release(EscapeFilter *f, size_t place, size_t size)
{
	memcpy(f->out + place, f->held, size);
	memmove(f->held, f->held + size, f->size - size);
	f->size -= size;
	return place + size;
}

/* Takes a byte of an escape, or of what follows a first half; returns the end of the piece. */
static size_t
take(EscapeFilter *f, char c, size_t place)
{
	bool		alone;

	f->held[f->size++] = c;
	if (f->size == 2 && c != 'u')
		return release(f, place, 2);
	if (f->size == ESCAPE && !is_half(f->held, FIRST))
		return release(f, place, ESCAPE);
	if (f->size <= ESCAPE)
		return place;
	alone = (f->size == ESCAPE + 1 && c != '\\') || (f->size == ESCAPE + 2 && c != 'u') ||
		(f->size == 2 * ESCAPE && !is_half(f->held + ESCAPE, SECOND));
	if (alone)
		f->held[3] = 'c';
	if (!alone)
		return f->size == 2 * ESCAPE ? release(f, place, 2 * ESCAPE) : place;
	/* what follows may be a first half in its turn */
	place = release(f, place, ESCAPE);
	if (f->size == ESCAPE && is_half(f->held, FIRST))
		return place;
	return release(f, place, f->size);
}

bool
escape_filter(EscapeFilter *f, const char **data, size_t *size)
{
	const char *from = *data;
	const char *end = from + *size;
	size_t		place = 0;

	if (f->size == 0 && !memchr(from, '\\', *size))
		return true;
	if (f->room < *size + sizeof(f->held))
	{
		free(f->out);
		f->room = *size + sizeof(f->held);
		f->out = malloc(f->room);
		if (!f->out)
		{
			f->room = 0;
			return false;
		}
	}
	while (from < end)
	{
		const char *escape = f->size > 0 ? from : memchr(from, '\\', (size_t) (end - from));
		size_t		plain = (size_t) ((escape ? escape : end) - from);

		memcpy(f->out + place, from, plain);
		place += plain;
		from += plain;
		if (escape)
			place = take(f, *from++, place);
	}
	*data = f->out;
	*size = place;
	return true;
}

size_t
escape_rest(EscapeFilter *f, const char **data)
{
	size_t		size = f->size;

	*data = f->held;
	if (size >= ESCAPE)
		f->held[3] = 'c';
	f->size = 0;
	return size;
}
