/*
 * vault.c: the connector for HashiCorp Vault and OpenBao: its options, its sessions and its table.
 */
#include "vault.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>

#define OPTION(name, where, field, initial, help) \
	{name, CK_OPT_STRING, where, offsetof(VaultOptions, field), initial, 0, 0, NULL, help, NULL}

static const CkOption options[] = {
	OPTION("address", CK_ON_SERVER | CK_REQUIRED, address, NULL, "https://host:port of the server"),
	OPTION("namespace", CK_ON_SERVER, vault_namespace, NULL, "namespace that mounts and logins are in"),
	OPTION("mount", CK_ON_SERVER, mount, "secret", "path of a key-value store of version 2"),
	{"auth", CK_OPT_CHOICE, CK_ON_SERVER, offsetof(VaultOptions, auth), "token", 0, 0, "token|approle",
	"how users prove themselves", NULL},
	OPTION("approle_mount", CK_ON_SERVER, approle_mount, "approle", "path of the AppRole login"),
	CK_HTTP_TLS_OPTIONS(VaultOptions, tls),
	OPTION("token", CK_ON_USER | CK_SECRET | CK_CREDENTIAL, token, NULL, "token, with auth \"token\""),
	OPTION("role_id", CK_ON_USER, role_id, NULL, "the role's id, with auth \"approle\""),
	OPTION("secret_id", CK_ON_USER | CK_SECRET | CK_CREDENTIAL, secret_id, NULL, "its secret, with auth \"approle\""),
	{NULL}
};

static CkStatus
vault_session_open(CkSession *session)
{
	const VaultOptions *o = session->options;
	VaultSession *state = session->state;

	if (strpbrk(o->address, "?#"))
	{
		ck_fail(session, CK_ERR_OPTION, "the option address is more than a host, a port and a path");
		ck_hint(session, "Write it as https://host:port.");
		return CK_ERR_OPTION;
	}
	state->http = ck_http_new(&o->tls);
	if (!state->http)
		return ck_fail(session, CK_ERR_MEMORY, "out of memory");
	return vault_login(session);
}

static void
vault_session_close(CkSession *session)
{
	VaultSession *state = session->state;

	ck_http_free(state->http);
	if (state->token)
		explicit_bzero(state->token, strlen(state->token));
	free(state->token);
	memset(state, 0, sizeof(*state));
}

/* Warns where the token may change secrets; nothing is told where it may not be asked about. */
static CkStatus
check_privileges(CkSession *session)
{
	const VaultOptions *o = session->options;
	VaultReply	reply;
	const json_t *capabilities;
	json_t	   *body;
	bool		writes = false;
	char		path[512];
	CkStatus	status;

	snprintf(path, sizeof(path), "%s/data/*", o->mount);
	body = json_pack("{s:[s]}", "paths", path);
	if (!body)
		return ck_fail(session, CK_ERR_MEMORY, "out of memory");
	status = vault_call(session, "sys/capabilities-self", vault_token(session), body, &reply);
	json_decref(body);
	capabilities = status == CK_OK ? json_object_get(reply.json, "capabilities") : NULL;
	for (size_t i = 0; i < json_array_size(capabilities); i++)
	{
		const char *word = json_string_value(json_array_get(capabilities, i));

		writes |= word && strcmp(word, "read") != 0 && strcmp(word, "list") != 0 && strcmp(word, "deny") != 0;
	}
	ck_stage(session, CK_STAGE_PRIVILEGES, capabilities ? NULL : "the token may not ask about its rights");
	if (writes)
		ck_warn(session, "the token may change secrets", "Give it a policy with the capability read only.");
	vault_reply_free(&reply);
	return status;
}

static CkStatus
vault_session_check(CkSession *session)
{
	VaultReply	reply;
	const char *version;
	char		text[128];
	CkStatus	status = vault_call(session, "sys/health?standbyok=true&perfstandbyok=true", NULL, NULL, &reply);

	if (status == CK_OK && reply.http.status != 200)
		status = vault_fail(session, &reply);
	if (status == CK_OK)
	{
		version = json_string_value(json_object_get(reply.json, "version"));
		snprintf(text, sizeof(text), "Vault or OpenBao %s", version ? version : "of a version it does not tell");
		ck_stage(session, CK_STAGE_QUERY, json_is_true(json_object_get(reply.json, "standby")) ? "standby" : "active");
		ck_server_version(session, text);
	}
	vault_reply_free(&reply);
	return status == CK_OK ? check_privileges(session) : status;
}

static const CkConnector connector = {
	.abi = CK_ABI,
	.caps = CK_SECRETS | CK_HTTP,
	.name = "vault",
	.title = "HashiCorp Vault and OpenBao",
	.version = "0.1 (libcurl " LIBCURL_VERSION ")",
	.options = options,
	.options_size = sizeof(VaultOptions),
	.session_size = sizeof(VaultSession),
	.session_open = vault_session_open,
	.session_close = vault_session_close,
	.session_check = vault_session_check,
	.secret_get = vault_secret_get,
};

const CkConnector *
connkit_connector(void)
{
	return &connector;
}
