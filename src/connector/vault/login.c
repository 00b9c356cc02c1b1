/*
 * login.c: proves who the session is: by a token, or by an AppRole that gives one.
 */
#include "vault.h"

#include <stdio.h>
#include <stdlib.h>

/* Seconds of life left at which a token that nobody renews is worth a warning. */
#define SHORT_SECONDS (24 * 3600)

const char *
vault_token(const CkSession *session)
{
	const VaultOptions *o = session->options;
	const VaultSession *state = session->state;

	return state->token ? state->token : o->token;
}

/* Notes how long the token lives; 0: for ever. */
static void
login_expires(CkSession *session, json_int_t seconds)
{
	VaultSession *state = session->state;

	state->expires_ms = seconds > 0 ? ck_now_ms(session) + seconds * 1000 : 0;
}

/* Tells how the session proved itself, for connkit_test(). */
static void
login_report(CkSession *session, const char *how, json_int_t seconds, bool renewable)
{
	char		detail[128];

	if (seconds > 0)
		snprintf(detail, sizeof(detail), "%s, good for %" JSON_INTEGER_FORMAT " seconds", how, seconds);
	else
		snprintf(detail, sizeof(detail), "%s", how);
	ck_stage(session, CK_STAGE_AUTHENTICATE, detail);
	if (seconds > 0 && seconds < SHORT_SECONDS && !renewable)
		ck_warn(session, "the token expires soon and cannot be renewed",
				"Use a periodic token, which connkit renews, or set auth to \"approle\".");
}

/* Takes the token, or its new life, out of the answer to a login or a renewal. */
static CkStatus
login_take(CkSession *session, const VaultReply *reply, bool take_token)
{
	VaultSession *state = session->state;
	const json_t *auth = json_object_get(reply->json, "auth");
	const char *token = json_string_value(json_object_get(auth, "client_token"));
	json_int_t	seconds = json_integer_value(json_object_get(auth, "lease_duration"));

	if (!token)
		return provider_fail_stranger(session, &reply->http, "Vault or OpenBao");
	if (take_token)
	{
		free(state->token);
		state->token = strdup(token);
		if (!state->token)
			return ck_fail(session, CK_ERR_MEMORY, "out of memory");
		state->proven = true;
		login_report(session, "AppRole", seconds, true);
	}
	login_expires(session, seconds);
	return CK_OK;
}

/* Gets a token for role_id and secret_id. */
static CkStatus
login_approle(CkSession *session)
{
	const VaultOptions *o = session->options;
	VaultReply	reply;
	json_t	   *body;
	char	   *path = NULL;
	CkStatus	status;

	if (!o->role_id || (session->credential_required && !(o->secret_id && o->secret_id[0])))
	{
		ck_fail(session, CK_ERR_AUTH, "an AppRole needs role_id and secret_id");
		ck_hint(session, "Set both in the user mapping.");
		return CK_ERR_AUTH;
	}
	body = o->secret_id ? json_pack("{s:s, s:s}", "role_id", o->role_id, "secret_id", o->secret_id) :
		json_pack("{s:s}", "role_id", o->role_id);
	if (!body || asprintf(&path, "auth/%s/login", o->approle_mount) < 0)
	{
		json_decref(body);
		return ck_fail(session, CK_ERR_MEMORY, "out of memory");
	}
	status = vault_call(session, path, NULL, body, &reply);
	json_decref(body);
	free(path);
	if (status == CK_OK && reply.http.status == 200)
		status = login_take(session, &reply, true);
	else if (status == CK_OK && reply.http.status >= 400 && reply.http.status <= 404)
	{
		status = ck_fail(session, CK_ERR_AUTH, "the server refused the AppRole");
		ck_hint(session, "Check role_id and secret_id, which may have expired or been used up, and the options approle_mount "
				"and namespace.");
	}
	else if (status == CK_OK)
		status = vault_fail(session, &reply);
	vault_reply_free(&reply);
	return status;
}

/* Has a token that has less than half of its life left live on; where that fails, it serves as long as it does. */
static CkStatus
login_renew(CkSession *session)
{
	json_t	   *body = json_pack("{}");
	VaultReply	reply;
	CkStatus	status;

	if (!body)
		return ck_fail(session, CK_ERR_MEMORY, "out of memory");
	status = vault_call(session, "auth/token/renew-self", vault_token(session), body, &reply);
	json_decref(body);
	if (status == CK_OK && reply.http.status == 200)
		status = login_take(session, &reply, false);
	vault_reply_free(&reply);
	return status;
}

/* Asks the server about the token. One that may not be asked about can be good all the same. */
static CkStatus
login_token(CkSession *session)
{
	VaultSession *state = session->state;
	const char *token = vault_token(session);
	VaultReply	reply;
	CkStatus	status;

	if (!token || !token[0])
	{
		ck_fail(session, CK_ERR_AUTH, "no token is given");
		ck_hint(session, "Set the option token of the user mapping, or auth to \"approle\".");
		return CK_ERR_AUTH;
	}
	status = vault_call(session, "auth/token/lookup-self", token, NULL, &reply);
	if (status == CK_OK && reply.http.status == 200)
	{
		const json_t *data = json_object_get(reply.json, "data");
		json_int_t	seconds = json_integer_value(json_object_get(data, "ttl"));
		bool		renewable = json_is_true(json_object_get(data, "renewable"));

		state->proven = true;
		login_report(session, "token", seconds, renewable);
		login_expires(session, seconds);
		if (renewable && seconds > 0 && seconds < json_integer_value(json_object_get(data, "creation_ttl")) / 2)
			status = login_renew(session);
	}
	else if (status == CK_OK && (reply.http.status != 403 || vault_complains(&reply, "invalid token")))
		status = vault_fail(session, &reply);
	else if (status == CK_OK)
		ck_stage(session, CK_STAGE_AUTHENTICATE, "token, which may not ask about itself");
	vault_reply_free(&reply);
	return status;
}

CkStatus
vault_login(CkSession *session)
{
	const VaultOptions *o = session->options;

	return strcmp(o->auth, "approle") == 0 ? login_approle(session) : login_token(session);
}
