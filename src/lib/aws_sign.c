/*
 * aws_sign.c: AWS's Signature Version 4.
 */
#include "aws_sign.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HASH crypto_hash_sha256_BYTES

/* Takes a text into a hash. */
static void
sign_hash(crypto_hash_sha256_state *state, const char *text, size_t size)
{
	crypto_hash_sha256_update(state, (const unsigned char *) text, size);
}

/* Ends a hash and writes it. */
static void
sign_hash_hex(crypto_hash_sha256_state *state, char hex[AWS_HASH_SIZE])
{
	unsigned char hash[HASH];

	crypto_hash_sha256_final(state, hash);
	sodium_bin2hex(hex, AWS_HASH_SIZE, hash, sizeof(hash));
}

/* Replaces a key by the authentication code of the text under it. */
static void
sign_step(unsigned char key[HASH], const char *text)
{
	crypto_auth_hmacsha256_state state;

	crypto_auth_hmacsha256_init(&state, key, HASH);
	crypto_auth_hmacsha256_update(&state, (const unsigned char *) text, strlen(text));
	crypto_auth_hmacsha256_final(&state, key);
}

/* The key of a day, region and service. */
static void
sign_key(const AwsRequest *r, const char *day, unsigned char key[HASH])
{
	crypto_auth_hmacsha256_state state;
	char		secret[512];

	snprintf(secret, sizeof(secret), "AWS4%s", r->secret_access_key);
	crypto_auth_hmacsha256_init(&state, (const unsigned char *) secret, strlen(secret));
	crypto_auth_hmacsha256_update(&state, (const unsigned char *) day, strlen(day));
	crypto_auth_hmacsha256_final(&state, key);
	sign_step(key, r->region);
	sign_step(key, r->service);
	sign_step(key, "aws4_request");
	sodium_memzero(secret, sizeof(secret));
	sodium_memzero(&state, sizeof(state));
}

/* A character of a header's name; 0 behind its end. */
static char
sign_letter(char c)
{
	return c == ':' ? '\0' : c >= 'A' && c <= 'Z' ? (char) (c - 'A' + 'a') : c;
}

/* Orders headers by their names. */
static int
sign_compare(const void *left, const void *right)
{
	const char *a = *(const char *const *) left,
			   *b = *(const char *const *) right;

	while (sign_letter(*a) && sign_letter(*a) == sign_letter(*b))
		a++, b++;
	return (unsigned char) sign_letter(*a) - (unsigned char) sign_letter(*b);
}

/* Takes the headers into the hash in their canonical form, and writes their names. */
static bool
sign_headers(const AwsRequest *r, crypto_hash_sha256_state *state, char *names, size_t size)
{
	const char *sorted[AWS_HEADERS];
	size_t		count = 0,
				end = 0;

	for (; r->headers[count]; count++)
	{
		if (count == AWS_HEADERS)
			return false;
		sorted[count] = r->headers[count];
	}
	qsort(sorted, count, sizeof(sorted[0]), sign_compare);
	for (size_t i = 0; i < count; i++)
	{
		const char *c = sorted[i];
		size_t		begin = end;

		if (end + strcspn(c, ":") + 2 > size)
			return false;
		for (; sign_letter(*c); c++)
			names[end++] = sign_letter(*c);
		sign_hash(state, names + begin, end - begin);
		sign_hash(state, ":", 1);
		names[end++] = i + 1 < count ? ';' : '\0';
		/* words with one blank between them */
		c += *c == ':';
		for (bool first = true; *(c += strspn(c, " \t")); first = false, c += strcspn(c, " \t"))
		{
			sign_hash(state, " ", first ? 0 : 1);
			sign_hash(state, c, strcspn(c, " \t"));
		}
		sign_hash(state, "\n", 1);
	}
	return count > 0;
}

/* The hash of the request in its canonical form. */
static bool
sign_request(const AwsRequest *r, char *names, size_t size, char hex[AWS_HASH_SIZE])
{
	const char *first[] = {r->method, "\n", r->path, "\n", r->query, "\n"};
	const char *last[] = {"\n", names, "\n", r->body_hash};
	crypto_hash_sha256_state state;

	crypto_hash_sha256_init(&state);
	for (size_t i = 0; i < sizeof(first) / sizeof(first[0]); i++)
		sign_hash(&state, first[i], strlen(first[i]));
	if (!sign_headers(r, &state, names, size))
		return false;
	for (size_t i = 0; i < sizeof(last) / sizeof(last[0]); i++)
		sign_hash(&state, last[i], strlen(last[i]));
	sign_hash_hex(&state, hex);
	return true;
}

void
aws_date(time_t now, char date[AWS_DATE_SIZE])
{
	struct tm	tm;

	gmtime_r(&now, &tm);
	strftime(date, AWS_DATE_SIZE, "%Y%m%dT%H%M%SZ", &tm);
}

void
aws_hash(const char *data, size_t size, char hex[AWS_HASH_SIZE])
{
	crypto_hash_sha256_state state;

	crypto_hash_sha256_init(&state);
	sign_hash(&state, data ? data : "", size);
	sign_hash_hex(&state, hex);
}

bool
aws_sign(const AwsRequest *r, char authorization[AWS_AUTHORIZATION_SIZE])
{
	char		names[1024];
	char		day[9];
	char		scope[160];
	char		hash[AWS_HASH_SIZE];
	char		text[sizeof(scope) + AWS_HASH_SIZE + 64];
	unsigned char key[HASH];
	char		signature[AWS_HASH_SIZE];

	if (!sign_request(r, names, sizeof(names), hash))
		return false;
	snprintf(day, sizeof(day), "%.8s", r->date);
	snprintf(scope, sizeof(scope), "%s/%.64s/%.64s/aws4_request", day, r->region, r->service);
	snprintf(text, sizeof(text), "AWS4-HMAC-SHA256\n%s\n%s\n%s", r->date, scope, hash);
	sign_key(r, day, key);
	sign_step(key, text);
	sodium_bin2hex(signature, sizeof(signature), key, sizeof(key));
	sodium_memzero(key, sizeof(key));
	snprintf(authorization, AWS_AUTHORIZATION_SIZE, "AWS4-HMAC-SHA256 Credential=%.256s/%s, SignedHeaders=%s, Signature=%s",
			 r->access_key_id, scope, names, signature);
	return true;
}
