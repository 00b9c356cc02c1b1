/*
 * http_unpack.c: unpacks the body of a reply, a piece at a time: the library's own way gives all of what has come at once, in
 * whatever size, and takes what is cut off for whole.
 */
#include "http_private.h"

#include <stdlib.h>
#include <strings.h>
#include <zlib.h>

/* Bytes of a piece. */
#define PIECE (64 * 1024)

struct HttpUnpack
{
	HttpCoding	coding;
	z_stream	z;
	bool		begun;
	bool		ended;			/* the last member is complete */
	char		piece[PIECE];
};

HttpCoding
http_unpack_coding(const char *value, size_t length)
{
	static const struct
	{
		const char *name;
		HttpCoding	coding;
	}			known[] = {{"", HTTP_PLAIN}, {"identity", HTTP_PLAIN}, {"gzip", HTTP_GZIP}, {"x-gzip", HTTP_GZIP},
	{"deflate", HTTP_DEFLATE}};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
	{
		if (strlen(known[i].name) == length && strncasecmp(known[i].name, value, length) == 0)
			return known[i].coding;
	}
	return HTTP_UNKNOWN;
}

HttpUnpack *
http_unpack_new(HttpCoding coding)
{
	HttpUnpack *unpack = malloc(sizeof(*unpack));

	if (!unpack)
		return NULL;
	memset(unpack, 0, offsetof(HttpUnpack, piece));
	unpack->coding = coding;
	return unpack;
}

/* Begins with the first byte, which shows what "deflate" means here: zlib's form, as it should, or the bare one. */
static int
unpack_begin(HttpUnpack *unpack, unsigned char first)
{
	bool		bare = unpack->coding == HTTP_DEFLATE && (first & 0x0f) != Z_DEFLATED && first != 0x1f;
	int			result = inflateInit2(&unpack->z, bare ? -MAX_WBITS : MAX_WBITS + 32);

	unpack->begun = result == Z_OK;
	return result;
}

CURLcode
http_unpack_run(HttpUnpack *unpack, const char **data, size_t *size, const char **out, size_t *out_size)
{
	z_stream   *z = &unpack->z;
	int			result = Z_OK;

	*out = unpack->piece;
	*out_size = 0;
	if (!unpack->begun)
	{
		if (*size == 0)
			return CURLE_OK;
		result = unpack_begin(unpack, (unsigned char) **data);
	}
	else if (unpack->ended && *size > 0)
	{
		/* another member */
		unpack->ended = false;
		result = inflateReset(z);
	}
	if (result == Z_OK && !unpack->ended)
	{
		z->next_in = (Bytef *) *data;
		z->avail_in = (uInt) *size;
		z->next_out = (Bytef *) unpack->piece;
		z->avail_out = PIECE;
		result = inflate(z, Z_NO_FLUSH);
		*data = (const char *) z->next_in;
		*size = z->avail_in;
		*out_size = PIECE - z->avail_out;
		unpack->ended = result == Z_STREAM_END;
	}
	if (result == Z_MEM_ERROR)
		return CURLE_OUT_OF_MEMORY;
	/* Z_BUF_ERROR: there was nothing to do */
	return result == Z_OK || result == Z_STREAM_END || result == Z_BUF_ERROR ? CURLE_OK : CURLE_BAD_CONTENT_ENCODING;
}

bool
http_unpack_complete(const HttpUnpack *unpack)
{
	return unpack->ended || !unpack->begun;
}

void
http_unpack_free(HttpUnpack *unpack)
{
	if (!unpack)
		return;
	if (unpack->begun)
		inflateEnd(&unpack->z);
	http_wipe((char *) unpack, sizeof(*unpack));
}
