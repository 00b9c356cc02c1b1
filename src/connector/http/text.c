/*
 * text.c: texts that grow, as requests are made of them.
 */
#include "http_source.h"

#include <stdio.h>
#include <stdlib.h>

void
text_append(HttpText *text, const char *data, size_t size)
{
	size_t		room = text->room ? text->room : 64;
	char	   *larger;

	if (text->failed)
		return;
	while (room < text->size + size + 1)
		room *= 2;
	if (room > text->room)
	{
		larger = malloc(room);
		if (!larger)
		{
			text->failed = true;
			return;
		}
		if (text->data)
		{
			memcpy(larger, text->data, text->size);
			explicit_bzero(text->data, text->size);
			free(text->data);
		}
		text->data = larger;
		text->room = room;
	}
	if (size > 0)
		memcpy(text->data + text->size, data, size);
	text->size += size;
	text->data[text->size] = '\0';
}

void
text_string(HttpText *text, const char *string)
{
	text_append(text, string, strlen(string));
}

void
text_encoded(HttpText *text, const char *data, size_t size)
{
	for (size_t i = 0; i < size; i++)
	{
		unsigned char c = (unsigned char) data[i];
		char		code[4];

		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c && strchr("-._~", c)))
			text_append(text, data + i, 1);
		else
		{
			snprintf(code, sizeof(code), "%%%02X", c);
			text_append(text, code, 3);
		}
	}
}

void
text_base64(HttpText *text, const char *data, size_t size)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < size; i += 3)
	{
		uint32_t	group = (uint32_t) (unsigned char) data[i] << 16;
		char		code[4];

		if (i + 1 < size)
			group |= (uint32_t) (unsigned char) data[i + 1] << 8;
		if (i + 2 < size)
			group |= (unsigned char) data[i + 2];
		for (int j = 0; j < 4; j++)
			code[j] = letters[group >> (18 - 6 * j) & 63];
		if (i + 2 >= size)
			code[3] = '=';
		if (i + 1 >= size)
			code[2] = '=';
		text_append(text, code, 4);
	}
}

void
text_free(HttpText *text)
{
	if (text->data)
		explicit_bzero(text->data, text->size);
	free(text->data);
	memset(text, 0, sizeof(*text));
}
