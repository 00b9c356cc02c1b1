/*
 * oauth.c: asks for tokens of OAuth 2 (RFC 6749), and keeps them in the session.
 */
#include "http_source.h"

#include <stdlib.h>
#include <strings.h>

/* Bytes of the largest reply that can hold a token. */
#define TOKEN_REPLY_LIMIT (1024 * 1024)

/* Seconds before its end in which a token is not used any more; of one that lives shortly, a quarter of that. */
#define MARGIN 60

/* As long as a token is kept whose end is not told: until it is refused, or a day. */
#define LONGEST (24 * 3600)

/* Adds a member to a form; none where the text is empty. */
static CkStatus
add_member(CkScan *scan, HttpText *form, const char *name, const char *text)
{
	HttpText	value = {0};
	CkStatus	status = http_write_text(scan, &value, text, AS_IT_IS, AS_IT_IS);

	if (status == CK_OK && value.size > 0)
	{
		if (form->size > 0)
			text_string(form, "&");
		text_string(form, name);
		text_string(form, "=");
		text_encoded(form, value.data, value.size);
	}
	text_free(&value);
	return status;
}

/* Says whose the request is: in the form, or in a header, where both are encoded as in a form first. */
static CkStatus
add_client(CkScan *scan, const HttpAuthRule *rule, HttpText *form, HttpText *header)
{
	HttpText	plain = {0};
	CkStatus	status;

	if (!rule->in_header)
	{
		status = add_member(scan, form, "client_id", rule->client_id);
		return status == CK_OK ? add_member(scan, form, "client_secret", rule->client_secret) : status;
	}
	status = http_write_text(scan, &plain, rule->client_id, IN_URL, IN_URL);
	text_string(&plain, ":");
	if (status == CK_OK)
		status = http_write_text(scan, &plain, rule->client_secret, IN_URL, IN_URL);
	text_string(header, "Authorization: Basic ");
	if (plain.data)
		text_base64(header, plain.data, plain.size);
	header->failed |= plain.failed;
	text_free(&plain);
	return status;
}

/* What is asked for, and with what. */
static CkStatus
write_form(CkScan *scan, const HttpAuthRule *rule, HttpText *form, HttpText *header)
{
	HttpSession *session = scan->session->state;
	HttpText	assertion = {0};
	int64_t		until;
	CkStatus	status = CK_OK;

	if (rule->grant == GRANT_JWT)
	{
		text_string(form, "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=");
		status = http_make_jwt(scan, rule, &assertion, &until);
		if (status == CK_OK)
			text_append(form, assertion.data, assertion.size);
		text_free(&assertion);
		return status;
	}
	if (rule->grant == GRANT_REFRESH_TOKEN)
	{
		text_string(form, "grant_type=refresh_token&refresh_token=");
		if (session->refresh_token.data)
			text_encoded(form, session->refresh_token.data, session->refresh_token.size);
		else
			status = http_write_text(scan, form, rule->refresh_token, IN_URL, IN_URL);
	}
	else
		text_string(form, "grant_type=client_credentials");
	if (status == CK_OK)
		status = add_member(scan, form, "scope", rule->scope);
	if (status == CK_OK)
		status = add_client(scan, rule, form, header);
	return status;
}

/* Tells that there is no token. What the reply says is not shown but for the errors of RFC 6749. */
static CkStatus
fail_token(CkSession *session, const CkHttpReply *reply, const json_t *json)
{
	static const char *const known[] = {
		"invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "unsupported_grant_type", "invalid_scope",
		NULL
	};
	const char *error = json_string_value(json_object_get(json, "error"));
	const char *const *name = known;

	while (*name && (!error || strcmp(*name, error) != 0))
		name++;
	if (reply->status >= 500 || reply->status == 429)
		return ck_http_fail(session, reply);
	if (*name || reply->status == 400 || reply->status == 401 || reply->status == 403)
	{
		ck_fail(session, CK_ERR_AUTH, "\"%s\", port %d gives no token (HTTP status %d%s%s)", reply->host, reply->port,
				reply->status, *name ? ", " : "", *name ? *name : "");
		ck_hint(session, "Check the client's id and secret, or key, and what else the token is asked for with.");
		return CK_ERR_AUTH;
	}
	ck_fail(session, CK_ERR_PROTOCOL, "what answers at \"%s\", port %d sent no token (HTTP status %d)", reply->host, reply->port,
			reply->status);
	ck_hint(session, "Check the URL where tokens are asked for.");
	return CK_ERR_PROTOCOL;
}

/* Whether a token can stand in a header: it has visible characters of ASCII only. */
static bool
good_token(const json_t *token)
{
	const char *c = json_string_value(token);

	if (!c || !*c)
		return false;
	while (*c > ' ' && *c < 0x7f)
		c++;
	return *c == '\0';
}

/* Takes the tokens out of a reply; asked is when they were asked for. */
static CkStatus
take_token(CkSession *session, const CkHttpReply *reply, const json_t *json, int64_t asked)
{
	HttpSession *state = session->state;
	const json_t *token = json_object_get(json, "access_token"),
			   *type = json_object_get(json, "token_type"),
			   *refresh = json_object_get(json, "refresh_token"),
			   *expires = json_object_get(json, "expires_in");
	double		seconds = json_is_string(expires) ? atof(json_string_value(expires)) : json_number_value(expires);

	if (reply->status != 200 || !good_token(token) ||
		(json_is_string(type) && strcasecmp(json_string_value(type), "bearer") != 0))
		return fail_token(session, reply, json);
	if (!expires || json_is_null(expires) || seconds > LONGEST)
		seconds = LONGEST;
	seconds -= seconds / 4 < MARGIN ? seconds / 4 : MARGIN;
	state->token_until = asked + (seconds > 0 ? (int64_t) (seconds * 1000) : 0);
	text_free(&state->token);
	text_string(&state->token, json_string_value(token));
	if (json_is_string(refresh) && json_string_length(refresh) > 0)
	{
		text_free(&state->refresh_token);
		text_string(&state->refresh_token, json_string_value(refresh));
		if (state->refresh_token.failed)
			return http_check_text(session, &state->refresh_token);
	}
	return http_check_text(session, &state->token);
}

/* Overwrites the texts of an object, which the library only frees. */
static void
wipe(json_t *json)
{
	const char *name;
	json_t	   *value;

	json_object_foreach(json, name, value)
		if (json_is_string(value))
			explicit_bzero((char *) json_string_value(value), json_string_length(value));
	json_decref(json);
}

/* Asks for a token, and again where who gives it is busy; what waits is this session alone. */
static CkStatus
send_form(CkScan *scan, const CkHttpRequest *request, CkHttpReply *reply)
{
	const HttpOptions *options = ((HttpScan *) scan->state)->options;
	HttpSession *state = scan->session->state;

	for (int attempts = 1;; attempts++)
	{
		CkStatus	status = ck_http_send(scan->session, state->http, request, reply);
		int64_t		wait;

		scan->round_trips++;
		if (status != CK_OK || (reply->status != 429 && reply->status != 503) || attempts >= options->max_attempts)
			return status;
		wait = http_retry_after(reply);
		wait = wait < 0 ? http_backoff(attempts) : wait;
		if (wait > options->max_wait * 1000)
			return status;
		ck_http_reply_free(reply);
		status = http_hold(scan->session, wait, false);
		if (status == CK_OK)
			status = ck_admit(scan->session, 0, 0, wait + 1000, true);
		if (status != CK_OK)
			return status;
	}
}

CkStatus
http_need_token(CkScan *scan, const HttpAuthRule *rule)
{
	HttpSession *state = scan->session->state;
	HttpText	url = {0},
				form = {0},
				header = {0};
	const char *const headers[] = {"Content-Type: application/x-www-form-urlencoded", "Accept: application/json", NULL};
	int64_t		now = ck_now_ms(scan->session);
	CkHttpReply reply = {0};
	CkStatus	status;

	if (state->token.data && now < state->token_until)
		return CK_OK;
	status = http_write_text(scan, &url, rule->token_url, AS_IT_IS, AS_IT_IS);
	if (status == CK_OK && url.size == 0 && rule->grant == GRANT_JWT)
	{
		text_free(&state->token);
		status = http_make_jwt(scan, rule, &state->token, &state->token_until);
		if (status != CK_OK)
			text_free(&state->token);
		text_free(&url);
		return status;
	}
	if (status == CK_OK && url.size == 0)
	{
		status = ck_fail(scan->session, CK_ERR_OPTION, "the URL where tokens are asked for is not given");
		ck_hint(scan->session, "Set the server's option oauth_token_url.");
	}
	if (status == CK_OK)
		status = write_form(scan, rule, &form, &header);
	if (status == CK_OK)
		status = http_check_text(scan->session, url.failed ? &url : header.failed ? &header : &form);
	if (status == CK_OK)
	{
		const char *const secret_headers[] = {header.data, NULL};
		CkHttpRequest request = {
			.method = "POST", .url = url.data, .headers = headers, .secret_headers = secret_headers, .body = form.data,
			.body_size = form.size, .limit = TOKEN_REPLY_LIMIT, .once = true
		};

		status = send_form(scan, &request, &reply);
	}
	if (status == CK_OK)
	{
		json_t	   *json = json_loadb(reply.body, reply.size, 0, NULL);

		status = take_token(scan->session, &reply, json, now);
		wipe(json);
	}
	ck_http_reply_free(&reply);
	text_free(&url);
	text_free(&form);
	text_free(&header);
	return status;
}
