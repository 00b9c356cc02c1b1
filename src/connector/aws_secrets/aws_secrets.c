/*
 * aws_secrets.c: the connector for AWS Secrets Manager: options, calls, errors, secrets.
 */
#include "aws_sign.h"
#include "connkit.h"
#include "http.h"
#include "provider.h"

#include <curl/curl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

/* Seconds by which the clocks may differ before that is why a signature is refused. */
#define SKEW_SECONDS 240

#define CONTENT_TYPE "application/x-amz-json-1.1"

typedef struct AwsOptions
{
	const char *region;
	const char *endpoint;
	CkHttpTls	tls;
	const char *access_key_id;
	const char *secret_access_key;
	const char *session_token;
} AwsOptions;

typedef struct AwsSession
{
	CkHttp	   *http;
	char		url[512];		/* of the endpoint, */
	const char *host;			/* and the part of it behind the scheme */
} AwsSession;

#define OPTION(name, where, field, help) \
	{name, CK_OPT_STRING, where, offsetof(AwsOptions, field), NULL, 0, 0, NULL, help, NULL}

static const CkOption options[] = {
	OPTION("region", CK_ON_SERVER | CK_REQUIRED, region, "region, as eu-central-1"),
	OPTION("endpoint", CK_ON_SERVER, endpoint, "https://host of the service; default: the region's public one"),
	CK_HTTP_TLS_OPTIONS(AwsOptions, tls),
	OPTION("access_key_id", CK_ON_USER | CK_REQUIRED, access_key_id, "id of the access key"),
	OPTION("secret_access_key", CK_ON_USER | CK_SECRET | CK_CREDENTIAL, secret_access_key, "its secret"),
	OPTION("session_token", CK_ON_USER | CK_SECRET, session_token, "token of temporary credentials"),
	{NULL}
};

/* Errors of the service by the end of their name, and what they mean. */
typedef struct AwsError
{
	const char *type;
	CkStatus	status;
	const char *message;
	const char *hint;
} AwsError;

#define WRONG_KEY "Check access_key_id, secret_access_key and session_token in the user mapping, and the option region."

static const AwsError errors[] = {
	{"ResourceNotFoundException", CK_ERR_NOT_FOUND, "there is no such secret, or not this version of it",
	"Check the reference's name or ARN, its version and stage, and the option region."},
	{"InvalidRequestException", CK_ERR_NOT_FOUND, "the secret is scheduled for deletion, or has no value yet",
	"Restore the secret, or give it a value."},
	{"InvalidParameterException", CK_ERR_OPTION, "the reference of the secret is not good to the service",
	"Write it as name-or-arn#field?stage=AWSCURRENT; field and stage may be left out."},
	{"ValidationException", CK_ERR_OPTION, "the reference of the secret is not good to the service",
	"Write it as name-or-arn#field?stage=AWSCURRENT; field and stage may be left out."},
	{"AccessDeniedException", CK_ERR_PRIVILEGE, "the access key may not read this secret",
	"Its policy needs secretsmanager:GetSecretValue on the secret."},
	{"AccessDenied", CK_ERR_PRIVILEGE, "the access key may not read this secret",
	"Its policy needs secretsmanager:GetSecretValue on the secret."},
	{"DecryptionFailure", CK_ERR_PRIVILEGE, "the service may not decrypt the secret",
	"The access key's policy needs kms:Decrypt on the secret's key."},
	{"ExpiredTokenException", CK_ERR_AUTH, "the temporary credentials have expired",
	"Set new ones in the user mapping: access_key_id, secret_access_key and session_token."},
	{"ExpiredToken", CK_ERR_AUTH, "the temporary credentials have expired",
	"Set new ones in the user mapping: access_key_id, secret_access_key and session_token."},
	{"UnrecognizedClientException", CK_ERR_AUTH, "the service does not know the access key or its token", WRONG_KEY},
	{"InvalidClientTokenId", CK_ERR_AUTH, "the service does not know the access key or its token", WRONG_KEY},
	{"InvalidSignatureException", CK_ERR_AUTH, "the service refused the signature", WRONG_KEY},
	{"SignatureDoesNotMatch", CK_ERR_AUTH, "the service refused the signature", WRONG_KEY},
	{"IncompleteSignature", CK_ERR_AUTH, "the service refused the signature", WRONG_KEY},
	{"RequestExpired", CK_ERR_AUTH, "the service refused the signature", WRONG_KEY},
	{"ThrottlingException", CK_ERR_BUSY, "the service asks for fewer requests", "Try again later."},
	{"Throttling", CK_ERR_BUSY, "the service asks for fewer requests", "Try again later."},
	{"TooManyRequestsException", CK_ERR_BUSY, "the service asks for fewer requests", "Try again later."},
	{"RequestLimitExceeded", CK_ERR_BUSY, "the service asks for fewer requests", "Try again later."},
	{"InternalServiceError", CK_ERR_CONNECT, "the service has an internal error", "Try again later."},
	{NULL}
};

/* Seconds by which the service's clock is before ours; 0 where it does not tell. */
static long
aws_skew(const CkHttpReply *reply)
{
	size_t		length;
	const char *value = ck_http_header(reply, "Date", &length);
	char		date[64];
	time_t		there;

	if (!value || length >= sizeof(date))
		return 0;
	memcpy(date, value, length);
	date[length] = '\0';
	there = curl_getdate(date, NULL);
	return there < 0 ? 0 : (long) (there - time(NULL));
}

/* The name of the error in a reply: in JSON, or in XML where what checks requests stands before the service. */
static bool
aws_error_type(const CkHttpReply *reply, const json_t *json, char *type, size_t size)
{
	const char *name = json_string_value(json_object_get(json, "__type"));
	const char *code = json ? NULL : strstr(reply->body, "<Code>");

	if (name)
		snprintf(type, size, "%s", strrchr(name, '#') ? strrchr(name, '#') + 1 : name);
	else if (code)
		snprintf(type, size, "%.*s", (int) strcspn(code + 6, "<"), code + 6);
	return name || code;
}

/* Tells the error that a reply stands for. */
static CkStatus
aws_fail(CkSession *session, const CkHttpReply *reply, const json_t *json)
{
	char		type[64];
	const AwsError *error = errors;
	long		skew = aws_skew(reply);

	if (!aws_error_type(reply, json, type, sizeof(type)))
		return json || reply->status >= 500 ? ck_http_fail(session, reply) :
			provider_fail_stranger(session, reply, "AWS Secrets Manager");
	while (error->type && strcmp(error->type, type) != 0)
		error++;
	if (!error->type)
		return ck_http_fail(session, reply);
	if (error->status == CK_ERR_AUTH && labs(skew) > SKEW_SECONDS)
	{
		ck_fail(session, CK_ERR_AUTH, "the service refused the signature: its clock is %ld seconds %s", labs(skew),
				skew > 0 ? "ahead" : "behind");
		ck_hint(session, "Set the database server's clock right.");
		return CK_ERR_AUTH;
	}
	ck_fail(session, error->status, "%s", error->message);
	ck_hint(session, error->hint);
	return error->status;
}

/* Signs a request for an action, and sends it. */
static CkStatus
aws_send(CkSession *session, const char *action, const char *body, CkHttpReply *reply)
{
	const AwsOptions *o = session->options;
	AwsSession *state = session->state;
	char		date[AWS_DATE_SIZE];
	char		hash[AWS_HASH_SIZE];
	char		authorization[AWS_AUTHORIZATION_SIZE];
	char		lines[4][AWS_AUTHORIZATION_SIZE + 32];
	char	   *token = NULL;
	const char *headers[] = {"Content-Type: " CONTENT_TYPE, lines[0], lines[1], lines[2], NULL};
	const char *secret_headers[] = {lines[3], NULL, NULL};
	const char *signed_headers[] = {headers[0], lines[0], lines[1], lines[2], NULL, NULL};
	AwsRequest	signing = {
		.region = o->region, .service = "secretsmanager", .method = "POST", .path = "/", .query = "", .headers = signed_headers,
		.body_hash = hash, .access_key_id = o->access_key_id, .secret_access_key = o->secret_access_key, .date = date
	};
	CkHttpRequest request = {
		.method = "POST", .url = state->url, .headers = headers, .secret_headers = secret_headers,
		.body = body, .body_size = strlen(body), .limit = PROVIDER_REPLY_LIMIT
	};
	CkStatus	status;

	if (o->session_token && o->session_token[0])
	{
		if (asprintf(&token, "X-Amz-Security-Token: %s", o->session_token) < 0)
			return ck_fail(session, CK_ERR_MEMORY, "out of memory");
		secret_headers[1] = signed_headers[4] = token;
	}
	aws_date(time(NULL), date);
	aws_hash(body, strlen(body), hash);
	snprintf(lines[0], sizeof(lines[0]), "Host: %s", state->host);
	snprintf(lines[1], sizeof(lines[1]), "X-Amz-Target: secretsmanager.%s", action);
	snprintf(lines[2], sizeof(lines[2]), "X-Amz-Date: %s", date);
	aws_sign(&signing, authorization);
	snprintf(lines[3], sizeof(lines[3]), "Authorization: %s", authorization);
	status = ck_http_send(session, state->http, &request, reply);
	if (token)
		explicit_bzero(token, strlen(token));
	free(token);
	return status;
}

/* Calls an action of the service. CK_OK: *json is the answer to a request that was carried out, the caller's. */
static CkStatus
aws_call(CkSession *session, const char *action, const json_t *arguments, json_t **json)
{
	char	   *body = arguments ? json_dumps(arguments, JSON_COMPACT) : NULL;
	CkHttpReply reply;
	CkStatus	status;

	*json = NULL;
	if (!body)
		return ck_fail(session, CK_ERR_MEMORY, "out of memory");
	status = aws_send(session, action, body, &reply);
	free(body);
	if (status == CK_OK)
	{
		*json = provider_json(&reply);
		if (reply.status != 200)
			status = aws_fail(session, &reply, *json);
		else if (!*json)
			status = provider_fail_stranger(session, &reply, "AWS Secrets Manager");
	}
	ck_http_reply_free(&reply);
	if (status != CK_OK)
	{
		json_decref(*json);
		*json = NULL;
	}
	return status;
}

/* Only checks the options: each request of the service proves itself, and the first one connects. */
static CkStatus
aws_session_open(CkSession *session)
{
	const AwsOptions *o = session->options;
	AwsSession *state = session->state;
	size_t		size;

	if (!o->region[0] || strlen(o->region) > 32 ||
		o->region[strspn(o->region, "abcdefghijklmnopqrstuvwxyz0123456789-")])
	{
		ck_fail(session, CK_ERR_OPTION, "the option region is no name of a region");
		ck_hint(session, "Write it as eu-central-1.");
		return CK_ERR_OPTION;
	}
	if (!o->access_key_id[0] || !o->secret_access_key || !o->secret_access_key[0])
	{
		ck_fail(session, CK_ERR_AUTH, "no access key is given");
		ck_hint(session, "Set access_key_id and secret_access_key in the user mapping.");
		return CK_ERR_AUTH;
	}
	if (o->endpoint)
		snprintf(state->url, sizeof(state->url), "%s", o->endpoint);
	else
		snprintf(state->url, sizeof(state->url), "https://secretsmanager.%s.amazonaws.com%s", o->region,
				 strncmp(o->region, "cn-", 3) == 0 ? ".cn" : "");
	size = strlen(state->url);
	if (size > 0 && state->url[size - 1] == '/')
		state->url[--size] = '\0';
	state->host = strstr(state->url, "://");
	state->host = state->host ? state->host + 3 : state->url;
	if (size == sizeof(state->url) - 1 || strpbrk(state->host, "/?#@"))
	{
		ck_fail(session, CK_ERR_OPTION, "the option endpoint is more than a host and a port");
		ck_hint(session, "Write it as https://host or https://host:port.");
		return CK_ERR_OPTION;
	}
	state->http = ck_http_new(&o->tls);
	return state->http ? CK_OK : ck_fail(session, CK_ERR_MEMORY, "out of memory");
}

static void
aws_session_close(CkSession *session)
{
	AwsSession *state = session->state;

	ck_http_free(state->http);
	memset(state, 0, sizeof(*state));
}

/* An access key that may list no secrets is as good as one that may. */
static CkStatus
aws_session_check(CkSession *session)
{
	json_t	   *arguments = json_pack("{s:i}", "MaxResults", 1);
	json_t	   *json;
	CkStatus	status = aws_call(session, "ListSecrets", arguments, &json);

	json_decref(arguments);
	json_decref(json);
	if (status != CK_OK && status != CK_ERR_PRIVILEGE)
		return status;
	ck_stage(session, CK_STAGE_AUTHENTICATE, "by access key");
	ck_stage(session, CK_STAGE_QUERY, status == CK_OK ? "may list secrets" : "may not list secrets");
	ck_server_version(session, "AWS Secrets Manager");
	return CK_OK;
}

/* Hands over the secret, or a field of it where it is a JSON object. */
static CkStatus
aws_put(CkSession *session, const json_t *json, const char *field, CkSecret *secret)
{
	const json_t *text = json_object_get(json, "SecretString");
	json_t	   *object;
	CkStatus	status;

	if (!json_is_string(text))
	{
		ck_fail(session, CK_ERR_UNSUPPORTED, "the secret is binary");
		ck_hint(session, "Store it as a string (SecretString).");
		return CK_ERR_UNSUPPORTED;
	}
	if (!field)
		return provider_put(session, text, secret, 0);
	object = json_loadb(json_string_value(text), json_string_length(text), JSON_ALLOW_NUL, NULL);
	if (json_is_object(object))
		status = provider_put_field(session, object, field, secret, 0);
	else
	{
		status = ck_fail(session, CK_ERR_DATA, "the secret is no JSON object, and so has no field \"%s\"", field);
		ck_hint(session, "Leave out the field in the reference, or store an object.");
	}
	json_decref(object);
	return status;
}

static CkStatus
aws_secret_get(CkSession *session, const char *text, CkSecret *secret)
{
	ProviderReference reference;
	json_t	   *arguments = NULL;
	json_t	   *json = NULL;
	CkStatus	status = provider_reference(session, text, "Write it as name-or-arn, name-or-arn#field, or "
											"name-or-arn#field?stage=AWSPREVIOUS (or version=).", &reference);

	if (status == CK_OK)
	{
		arguments = json_pack("{s:s}", "SecretId", reference.name);
		if (reference.version)
			json_object_set_new(arguments, "VersionId", json_string(reference.version));
		if (reference.stage)
			json_object_set_new(arguments, "VersionStage", json_string(reference.stage));
		status = aws_call(session, "GetSecretValue", arguments, &json);
	}
	if (status == CK_OK)
		status = aws_put(session, json, reference.field, secret);
	json_decref(arguments);
	json_decref(json);
	free(reference.name);
	return status;
}

static const CkConnector connector = {
	.abi = CK_ABI,
	.caps = CK_SECRETS | CK_HTTP,
	.name = "aws_secrets",
	.title = "AWS Secrets Manager",
	.version = "0.1 (libcurl " LIBCURL_VERSION ")",
	.options = options,
	.options_size = sizeof(AwsOptions),
	.session_size = sizeof(AwsSession),
	.session_open = aws_session_open,
	.session_close = aws_session_close,
	.session_check = aws_session_check,
	.secret_get = aws_secret_get,
};

const CkConnector *
connkit_connector(void)
{
	return &connector;
}
