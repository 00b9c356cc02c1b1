/*
 * call.c: one call of the server's HTTP API, and what its errors mean.
 */
#include "vault.h"

#include <stdio.h>
#include <stdlib.h>

void
vault_reply_free(VaultReply *reply)
{
	json_decref(reply->json);
	ck_http_reply_free(&reply->http);
}

/* Sends the request that its strings make. */
static CkStatus
call_send(CkSession *session, const char *url, const char *space, const char *token, char *body, VaultReply *reply)
{
	VaultSession *state = session->state;
	const char *headers[] = {"X-Vault-Request: true", "Content-Type: application/json", space, NULL};
	const char *secret_headers[] = {token, NULL};
	CkHttpRequest request = {
		.method = body ? "POST" : "GET", .url = url, .headers = headers, .secret_headers = secret_headers,
		.body = body, .body_size = body ? strlen(body) : 0, .limit = PROVIDER_REPLY_LIMIT, .redirects = 3
	};
	CkStatus	status = ck_http_send(session, state->http, &request, &reply->http);

	if (status != CK_OK)
		return status;
	if (reply->http.elsewhere)
	{
		ck_fail(session, CK_ERR_PROTOCOL, "the server redirects to \"%s\", port %d, where the token is not sent",
				reply->http.host, reply->http.port);
		ck_hint(session, "Set the option address to that place, if it is the one that is meant.");
		return CK_ERR_PROTOCOL;
	}
	reply->json = provider_json(&reply->http);
	if (!reply->json && reply->http.size > 0)
		return provider_fail_stranger(session, &reply->http, "Vault or OpenBao");
	return CK_OK;
}

CkStatus
vault_call(CkSession *session, const char *path, const char *token, const json_t *body, VaultReply *reply)
{
	const VaultOptions *o = session->options;
	size_t		length = strlen(o->address);
	char	   *url = NULL,
			   *space = NULL,
			   *proof = NULL,
			   *text = NULL;
	CkStatus	status;

	memset(reply, 0, sizeof(*reply));
	while (length > 0 && o->address[length - 1] == '/')
		length--;
	if (asprintf(&url, "%.*s/v1/%s", (int) length, o->address, path) < 0)
		url = NULL;
	/* the server's own state belongs to no namespace */
	if (o->vault_namespace && strncmp(path, "sys/health", 10) != 0 &&
		asprintf(&space, "X-Vault-Namespace: %s", o->vault_namespace) < 0)
		space = NULL;
	if (token && asprintf(&proof, "X-Vault-Token: %s", token) < 0)
		proof = NULL;
	if (body)
		text = json_dumps(body, JSON_COMPACT);
	if (url && (!token || proof) && (!body || text))
		status = call_send(session, url, space, proof, text, reply);
	else
		status = ck_fail(session, CK_ERR_MEMORY, "out of memory");
	if (proof)
		explicit_bzero(proof, strlen(proof));
	if (text)
		explicit_bzero(text, strlen(text));
	free(url);
	free(space);
	free(proof);
	free(text);
	return status;
}

bool
vault_complains(const VaultReply *reply, const char *text)
{
	const json_t *errors = json_object_get(reply->json, "errors");

	for (size_t i = 0; i < json_array_size(errors); i++)
	{
		const char *error = json_string_value(json_array_get(errors, i));

		if (error && strstr(error, text))
			return true;
	}
	return false;
}

CkStatus
vault_fail(CkSession *session, const VaultReply *reply)
{
	VaultSession *state = session->state;

	if (reply->http.status == 503 && vault_complains(reply, "sealed"))
	{
		ck_fail(session, CK_ERR_CONNECT, "the server is sealed");
		ck_hint(session, "Its operators unseal it with their key shares.");
		return CK_ERR_CONNECT;
	}
	if (reply->http.status == 403 && vault_complains(reply, "invalid token"))
	{
		ck_fail(session, CK_ERR_AUTH, "the token is not valid, or has expired");
		ck_hint(session, "Set another token in the user mapping.");
		return CK_ERR_AUTH;
	}
	if (reply->http.status == 403 && !state->proven)
	{
		ck_fail(session, CK_ERR_AUTH, "the token is not valid, has expired, or has no right to this path");
		ck_hint(session, "Check the token in the user mapping and its policies, and the option namespace.");
		return CK_ERR_AUTH;
	}
	return ck_http_fail(session, &reply->http);
}
