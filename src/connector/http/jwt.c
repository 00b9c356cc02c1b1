/*
 * jwt.c: JSON Web Tokens (RFC 7519), signed by a private key, as service accounts prove whose a request is.
 */
#include "http_source.h"
#include "manifest_read.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>

#define LIFETIME "10 minutes"
/* Seconds that a token may live. */
#define LIFETIME_LIMIT (24 * 3600)

/* Seconds by which the source's clock may be behind; of a token that lives shortly, a quarter of that. */
#define SKEW 60

/* Bits of an RSA key. */
#define RSA_LEAST 2048
#define RSA_MOST 8192

/* Bytes of one of the two numbers of an ES256 signature. */
#define ES256_NUMBER 32

/* "10 minutes" as seconds; -1: it is no such text. */
static int64_t
lifetime_of(const char *text)
{
	char	   *end;
	long		number = strtol(text, &end, 10);
	int64_t		unit;

	end += strspn(end, " ");
	unit = strcmp(end, "seconds") == 0 ? 1 : strcmp(end, "minutes") == 0 || strcmp(end, "minute") == 0 ? 60 :
		strcmp(end, "hours") == 0 || strcmp(end, "hour") == 0 ? 3600 : 0;
	return unit && number > 0 && number <= LIFETIME_LIMIT / unit ? number * unit : -1;
}

bool
read_jwt(Reading *r, const json_t *value, HttpAuthRule *auth)
{
	int			algorithm;

	auth->claims = json_object_get(value, "claims");
	if (!check_names(r, value, "type algorithm key key_id claims lifetime token_url") ||
		!take_word(r, value, "algorithm", "RS256|ES256", &algorithm) ||
		!take_text(r, value, "key", &auth->client_secret) || !take_text(r, value, "key_id", &auth->client_id) ||
		!take_text(r, value, "token_url", &auth->token_url) ||
		!take_string(r, value, "lifetime", LIFETIME, &auth->lifetime) || !check_json(r, "claims", auth->claims, NULL))
		return false;
	auth->elliptic = algorithm == 1;
	auth->grant = GRANT_JWT;
	auth->refresh_token = auth->scope = "";
	if (!auth->client_secret[0])
		return bad(r, "key", "it is missing");
	if (lifetime_of(auth->lifetime) < 0)
		return bad(r, "lifetime", "a time of a day at most is expected, as \"" LIFETIME "\"");
	if (!json_is_object(auth->claims))
		return bad(r, "claims", "an object is expected");
	return (!json_object_get(auth->claims, "iat") && !json_object_get(auth->claims, "exp")) ||
		bad(r, "claims", "iat and exp are made of the time and of lifetime");
}

/* Without '=', and with what may stand in a URL. */
static void
text_base64url(HttpText *text, const char *data, size_t size)
{
	size_t		begin = text->size;

	text_base64(text, data, size);
	if (text->failed)
		return;
	while (text->size > begin && text->data[text->size - 1] == '=')
		text->data[--text->size] = '\0';
	for (char *c = text->data + begin; *c; c++)
		*c = *c == '+' ? '-' : *c == '/' ? '_' : *c;
}

/* Writes a JSON object, which is given up, as a part of a token. */
static bool
write_part(HttpText *token, json_t *object)
{
	char	   *text = object ? json_dumps(object, JSON_COMPACT) : NULL;

	if (text)
		text_base64url(token, text, strlen(text));
	free(text);
	json_decref(object);
	return text != NULL;
}

/* The table's claims with their values, without those that are empty, and the times. NULL, told. */
static json_t *
make_claims(CkScan *scan, const HttpAuthRule *rule, int64_t issued, int64_t expires)
{
	const HttpScan *http = scan->state;
	json_t	   *own = http->manifest->ad_hoc ? json_loads(http->options->jwt_claims, JSON_REJECT_DUPLICATES, NULL) : NULL;
	const json_t *from = http->manifest->ad_hoc ? own : rule->claims;
	json_t	   *claims = json_is_object(from) ? http_fill_in(scan, from, NULL) : NULL;
	const char *name;
	json_t	   *value;
	void	   *next;

	if (!claims)
	{
		ck_fail(scan->session, CK_ERR_OPTION, "the claims of the JWT are no JSON object");
		ck_hint(scan->session, "Write them as {\"iss\": \"…\", \"aud\": \"…\"}.");
	}
	json_decref(own);
	json_object_foreach_safe(claims, next, name, value)
		if (json_is_string(value) && json_string_length(value) == 0)
			json_object_del(claims, name);
	if (claims && (json_object_set_new(claims, "iat", json_integer(issued)) != 0 ||
				   json_object_set_new(claims, "exp", json_integer(expires)) != 0))
	{
		json_decref(claims);
		claims = NULL;
		ck_fail(scan->session, CK_ERR_MEMORY, "out of memory");
	}
	return claims;
}

/* There is nobody to ask for a passphrase. */
static int
no_passphrase(char *buffer, int size, int writing, void *arg)
{
	(void) buffer, (void) size, (void) writing;
	*(bool *) arg = true;
	return -1;
}

/* Tells what is wrong with a key. */
static CkStatus
fail_key(CkSession *session, const char *message, const char *hint)
{
	ck_fail(session, CK_ERR_OPTION, "%s", message);
	ck_hint(session, hint);
	return CK_ERR_OPTION;
}

/* Takes the key out of its text, and sees that it is one for the algorithm. */
static CkStatus
read_key(CkSession *session, const HttpAuthRule *rule, const HttpText *pem, EVP_PKEY **key)
{
	bool		locked = false;
	char		curve[64] = "";
	size_t		size;
	BIO		   *bio = BIO_new_mem_buf(pem->size ? pem->data : "", (int) pem->size);

	*key = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, &locked) : NULL;
	BIO_free(bio);
	if (locked)
		return fail_key(session, "the private key is protected by a passphrase", "Give it without: openssl pkey -in FILE");
	if (!*key)
		return fail_key(session, pem->size ? "the private key is none" : "the private key is not given",
						"It is the text of a PEM file, which begins with -----BEGIN PRIVATE KEY-----.");
	if (rule->elliptic)
	{
		if (EVP_PKEY_get_base_id(*key) != EVP_PKEY_EC || !EVP_PKEY_get_group_name(*key, curve, sizeof(curve), &size) ||
			strcmp(curve, "prime256v1") != 0)
			return fail_key(session, "the private key is none of the curve P-256", "The algorithm ES256 needs one.");
	}
	else if (EVP_PKEY_get_base_id(*key) != EVP_PKEY_RSA)
		return fail_key(session, "the private key is none of RSA", "The algorithm RS256 needs one.");
	else if (EVP_PKEY_get_bits(*key) < RSA_LEAST || EVP_PKEY_get_bits(*key) > RSA_MOST)
		return fail_key(session, "the private key has too few or too many bits", "2048 to 8192 are good.");
	return CK_OK;
}

/* The two numbers of a signature one behind the other, as tokens have them; OpenSSL puts them into a sequence of ASN.1. */
static bool
flatten(unsigned char *signature, size_t *size)
{
	const unsigned char *from = signature;
	ECDSA_SIG  *numbers = d2i_ECDSA_SIG(NULL, &from, (long) *size);
	bool		good = numbers &&
		BN_bn2binpad(ECDSA_SIG_get0_r(numbers), signature, ES256_NUMBER) == ES256_NUMBER &&
		BN_bn2binpad(ECDSA_SIG_get0_s(numbers), signature + ES256_NUMBER, ES256_NUMBER) == ES256_NUMBER;

	ECDSA_SIG_free(numbers);
	*size = 2 * ES256_NUMBER;
	return good;
}

/* Adds the signature of what stands there. */
static CkStatus
sign(CkSession *session, const HttpAuthRule *rule, EVP_PKEY *key, HttpText *token)
{
	unsigned char signature[RSA_MOST / 8];
	size_t		size = sizeof(signature);
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	bool		good = context && EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key) == 1 &&
		EVP_DigestSign(context, signature, &size, (const unsigned char *) token->data, token->size) == 1 &&
		(!rule->elliptic || flatten(signature, &size));

	EVP_MD_CTX_free(context);
	if (!good)
		return fail_key(session, "the private key cannot sign", "Check that it is whole.");
	text_append(token, ".", 1);
	text_base64url(token, (const char *) signature, size);
	return CK_OK;
}

/* The key's text; in the file of a service account, which is JSON, its line ends are written as \n. */
static CkStatus
write_key(CkScan *scan, const HttpAuthRule *rule, HttpText *pem)
{
	CkStatus	status = http_write_text(scan, pem, rule->client_secret, AS_IT_IS, AS_IT_IS);

	for (char *c = pem->data; c && (c = strstr(c, "\\n")) != NULL;)
		memcpy(c, " \n", 2);
	return status;
}

CkStatus
http_make_jwt(CkScan *scan, const HttpAuthRule *rule, HttpText *token, int64_t *until)
{
	int64_t		lifetime = lifetime_of(rule->lifetime);
	int64_t		skew = lifetime / 4 < SKEW ? lifetime / 4 : SKEW;
	time_t		now = time(NULL);
	HttpText	pem = {0},
				kid = {0};
	EVP_PKEY   *key = NULL;
	json_t	   *claims = NULL;
	CkStatus	status;

	if (lifetime < 0)
		return fail_key(scan->session, "the lifetime of the JWT is none", "Write it as " LIFETIME ".");
	status = write_key(scan, rule, &pem);
	if (status == CK_OK)
		status = read_key(scan->session, rule, &pem, &key);
	if (status == CK_OK)
		status = http_write_text(scan, &kid, rule->client_id, AS_IT_IS, AS_IT_IS);
	if (status == CK_OK && !(claims = make_claims(scan, rule, now - skew, now - skew + lifetime)))
		status = CK_ERR_OPTION;
	if (status == CK_OK)
	{
		bool		good = write_part(token, json_pack("{s:s, s:s, s:s*}", "alg", rule->elliptic ? "ES256" : "RS256",
													   "typ", "JWT", "kid", kid.size ? kid.data : NULL));

		text_append(token, ".", 1);
		good &= write_part(token, claims);
		status = good ? http_check_text(scan->session, token) : ck_fail(scan->session, CK_ERR_OPTION, "the JWT cannot be made");
	}
	if (status == CK_OK)
		status = sign(scan->session, rule, key, token);
	if (status == CK_OK)
		status = http_check_text(scan->session, token);
	*until = ck_now_ms(scan->session) + (lifetime - 2 * skew) * 1000;
	EVP_PKEY_free(key);
	ERR_clear_error();
	text_free(&pem);
	text_free(&kid);
	return status;
}
