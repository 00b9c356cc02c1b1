/*
 * sign.c: AWS's Signature Version 4. libcurl has one too, but which headers it signs depends on its version.
 */
#include "aws.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define HASH crypto_hash_sha256_BYTES
#define HEX (2 * HASH + 1)

/* Takes a text into a hash. */
static void
sign_hash(crypto_hash_sha256_state *state, const char *text)
{
	crypto_hash_sha256_update(state, (const unsigned char *) text, strlen(text));
}

/* Ends a hash and writes it. */
static void
sign_hash_hex(crypto_hash_sha256_state *state, char hex[HEX])
{
	unsigned char hash[HASH];

	crypto_hash_sha256_final(state, hash);
	sodium_bin2hex(hex, HEX, hash, sizeof(hash));
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

/* The hash of the request in its canonical form. */
static void
sign_request(const AwsRequest *r, const char *date, const char *signed_headers, char hex[HEX])
{
	const char *lines[] = {
		"POST\n/\n\ncontent-type:", r->content_type, "\nhost:", r->host, "\nx-amz-date:", date,
		r->session_token ? "\nx-amz-security-token:" : "", r->session_token ? r->session_token : "",
		"\nx-amz-target:", r->target, "\n\n", signed_headers, "\n"
	};
	crypto_hash_sha256_state state;
	char		body[HEX];

	crypto_hash_sha256_init(&state);
	sign_hash(&state, r->body);
	sign_hash_hex(&state, body);

	crypto_hash_sha256_init(&state);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		sign_hash(&state, lines[i]);
	sign_hash(&state, body);
	sign_hash_hex(&state, hex);
}

void
aws_sign(const AwsRequest *r, char date[AWS_DATE_SIZE], char authorization[AWS_AUTHORIZATION_SIZE])
{
	const char *signed_headers = r->session_token ?
		"content-type;host;x-amz-date;x-amz-security-token;x-amz-target" : "content-type;host;x-amz-date;x-amz-target";
	struct tm	tm;
	char		day[9];
	char		scope[160];
	char		hash[HEX];
	char		text[sizeof(scope) + HEX + 64];
	unsigned char key[HASH];
	char		signature[HEX];

	gmtime_r(&r->now, &tm);
	strftime(date, AWS_DATE_SIZE, "%Y%m%dT%H%M%SZ", &tm);
	strftime(day, sizeof(day), "%Y%m%d", &tm);
	snprintf(scope, sizeof(scope), "%s/%s/%s/aws4_request", day, r->region, r->service);
	sign_request(r, date, signed_headers, hash);
	snprintf(text, sizeof(text), "AWS4-HMAC-SHA256\n%s\n%s\n%s", date, scope, hash);
	sign_key(r, day, key);
	sign_step(key, text);
	sodium_bin2hex(signature, sizeof(signature), key, sizeof(key));
	sodium_memzero(key, sizeof(key));
	snprintf(authorization, AWS_AUTHORIZATION_SIZE, "AWS4-HMAC-SHA256 Credential=%.256s/%s, SignedHeaders=%s, Signature=%s",
			 r->access_key_id, scope, signed_headers, signature);
}
