/*
 * link.c: the next page's URL in the header Link, as RFC 8288 has it.
 */
#include "http_source.h"

#include <stdlib.h>
#include <strings.h>

#define BLANKS " \t"

/* Whether one of the names in a value, divided by blanks, is "next". */
static bool
says_next(const char *value, size_t size)
{
	const char *end = value + size;

	while (value < end)
	{
		size_t		length = 0;

		while (value + length < end && !strchr(BLANKS, value[length]))
			length++;
		if (length == 4 && strncasecmp(value, "next", 4) == 0)
			return true;
		value += length + 1;
	}
	return false;
}

/* Where a quoted text ends, whose quote is at text; without an end, the end of all. */
static const char *
skip_quoted(const char *text, const char *end)
{
	for (text++; text < end && *text != '"'; text++)
		text += *text == '\\' && text + 1 < end;
	return text < end ? text + 1 : end;
}

/* Reads the parameters of a link up to the comma behind it, or the end; *next: the first rel has that name. */
static const char *
read_params(const char *text, const char *end, bool *next)
{
	bool		known = false;

	*next = false;
	while (text < end && *text != ',')
	{
		const char *name,
				   *value,
				   *value_end;
		size_t		name_size;

		while (text < end && (*text == ';' || strchr(BLANKS, *text)))
			text++;
		for (name = text; text < end && !strchr(BLANKS "=;,", *text);)
			text++;
		name_size = (size_t) (text - name);
		while (text < end && strchr(BLANKS, *text))
			text++;
		if (text >= end || *text != '=')
			continue;
		for (text++; text < end && strchr(BLANKS, *text);)
			text++;
		value = text;
		if (text < end && *text == '"')
			text = skip_quoted(text, end);
		else
			while (text < end && !strchr(BLANKS ";,", *text))
				text++;
		if (name_size != 3 || strncasecmp(name, "rel", 3) != 0 || known)
			continue;
		known = true;
		value_end = text;
		if (value < text && *value == '"')
		{
			value++;
			value_end -= value_end > value && value_end[-1] == '"';
		}
		*next = says_next(value, (size_t) (value_end - value));
	}
	return text;
}

char *
http_find_link(const char *header, size_t size, bool *good)
{
	const char *end = header + size;

	*good = true;
	while (header < end)
	{
		const char *url,
				   *close;
		bool		next;

		while (header < end && (*header == ',' || strchr(BLANKS, *header)))
			header++;
		if (header == end)
			return NULL;
		url = header + 1;
		close = *header == '<' ? memchr(url, '>', (size_t) (end - url)) : NULL;
		*good = close != NULL;
		if (!close)
			return NULL;
		header = read_params(close + 1, end, &next);
		if (next)
			return strndup(url, (size_t) (close - url));
	}
	return NULL;
}
