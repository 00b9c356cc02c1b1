/*
 * secret.c: reads a secret of a key-value store of version 2.
 */
#include "vault.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/*
 * The path of the request: mount/data/path, with what is no plain letter in the path encoded. NULL: a part of it is
 * empty or made of dots, which would lead elsewhere.
 */
static char *
secret_path(const VaultOptions *o, const ProviderReference *reference)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_~.";
	size_t		room = strlen(o->mount) + 3 * strlen(reference->name) + 64;
	char	   *path = malloc(room);
	size_t		size;

	if (!path)
		return NULL;
	size = (size_t) snprintf(path, room, "%s/data/", o->mount);
	for (const char *part = reference->name;; part++)
	{
		size_t		length = strcspn(part, "/");

		if (length == 0 || strspn(part, ".") == length)
		{
			free(path);
			return NULL;
		}
		for (; length > 0; length--, part++)
			size += (size_t) sprintf(path + size, strchr(plain, *part) ? "%c" : "%%%02X",
									 (unsigned char) *part);
		if (!*part)
			break;
		path[size++] = '/';
	}
	path[size] = '\0';
	if (reference->version)
		snprintf(path + size, room - size, "?version=%.20s", reference->version);
	return path;
}

/* Milliseconds until a time like 2026-01-31T12:00:00.5Z; 0 where there is none. */
static int64_t
secret_until(const char *text)
{
	struct tm	tm = {0};

	if (!text || !strptime(text, "%Y-%m-%dT%H:%M:%S", &tm))
		return 0;
	return ((int64_t) timegm(&tm) - (int64_t) time(NULL)) * 1000;
}

/* How long the value may be kept: no longer than its lease, its version and the token live. */
static int64_t
secret_lifetime(CkSession *session, const json_t *json, const json_t *metadata)
{
	const VaultSession *state = session->state;
	int64_t		limits[] = {
		json_integer_value(json_object_get(json, "lease_duration")) * 1000,
		secret_until(json_string_value(json_object_get(metadata, "deletion_time"))),
		state->expires_ms ? state->expires_ms - ck_now_ms(session) : 0
	};
	int64_t		lifetime = 0;

	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
	{
		if (limits[i] != 0 && (lifetime == 0 || limits[i] < lifetime))
			lifetime = limits[i] > 0 ? limits[i] : 1;
	}
	return lifetime;
}

/* Tells why there is no such secret. */
static CkStatus
secret_fail_missing(CkSession *session, const VaultReply *reply, const char *name)
{
	const json_t *metadata = json_object_get(json_object_get(reply->json, "data"), "metadata");

	if (json_is_object(metadata))
	{
		ck_fail(session, CK_ERR_NOT_FOUND, "version %d of the secret \"%s\" was %s",
				(int) json_integer_value(json_object_get(metadata, "version")), name,
				json_is_true(json_object_get(metadata, "destroyed")) ? "destroyed" : "deleted");
		ck_hint(session, "Write a new version, bring this one back, or name another by ?version=.");
	}
	else if (vault_complains(reply, "no handler for route"))
	{
		ck_fail(session, CK_ERR_NOT_FOUND, "the server has no secrets engine at this mount");
		ck_hint(session, "Check the options mount and namespace.");
	}
	else
	{
		ck_fail(session, CK_ERR_NOT_FOUND, "there is no secret \"%s\", or not this version of it", name);
		ck_hint(session, "The path is below the option mount, which must be a key-value store of version 2, and without data/.");
	}
	return CK_ERR_NOT_FOUND;
}

/* Takes the field out of the answer. */
static CkStatus
secret_take(CkSession *session, const VaultReply *reply, const ProviderReference *reference, CkSecret *secret)
{
	const json_t *data = json_object_get(reply->json, "data");
	const json_t *fields = json_object_get(data, "data");
	const json_t *metadata = json_object_get(data, "metadata");

	if (reply->http.status == 404)
		return secret_fail_missing(session, reply, reference->name);
	if (reply->http.status == 403)
	{
		CkStatus	status = vault_fail(session, reply);

		if (status == CK_ERR_PRIVILEGE)
		{
			ck_fail(session, status, "the token may not read the secret \"%s\"", reference->name);
			ck_hint(session, "Its policy needs the capability read on the mount's data/ and this path.");
		}
		return status;
	}
	if (reply->http.status != 200)
		return vault_fail(session, reply);
	if (!json_is_object(fields) || !json_is_object(metadata))
	{
		ck_fail(session, CK_ERR_UNSUPPORTED, "the secret \"%s\" is not one of a key-value store of version 2",
				reference->name);
		ck_hint(session, "Check the option mount.");
		return CK_ERR_UNSUPPORTED;
	}
	return provider_put_field(session, fields, reference->field ? reference->field : "value", secret,
							  secret_lifetime(session, reply->json, metadata));
}

/* Asks for the path; once more after another login where the token of a login is good no longer. */
static CkStatus
secret_ask(CkSession *session, const char *path, VaultReply *reply)
{
	VaultSession *state = session->state;
	CkStatus	status = vault_call(session, path, vault_token(session), NULL, reply);

	if (status != CK_OK || reply->http.status != 403 || !state->token ||
		!(vault_complains(reply, "invalid token") || (state->expires_ms && ck_now_ms(session) > state->expires_ms)))
		return status;
	vault_reply_free(reply);
	memset(reply, 0, sizeof(*reply));
	status = vault_login(session);
	if (status == CK_OK)
		status = vault_call(session, path, vault_token(session), NULL, reply);
	return status;
}

CkStatus
vault_secret_get(CkSession *session, const char *text, CkSecret *secret)
{
	static const char hint[] = "Write it as path#field, path (its field is \"value\"), or path#field?version=2.";
	ProviderReference reference;
	VaultReply	reply = {0};
	char	   *path = NULL;
	CkStatus	status = provider_reference(session, text, hint, &reference);

	if (status == CK_OK)
	{
		path = secret_path(session->options, &reference);
		if (!path || reference.stage ||
			(reference.version && reference.version[strspn(reference.version, "0123456789")]))
		{
			status = ck_fail(session, CK_ERR_OPTION, "the reference of the secret is not one of this connector's");
			ck_hint(session, hint);
		}
	}
	if (status == CK_OK)
		status = secret_ask(session, path, &reply);
	if (status == CK_OK)
		status = secret_take(session, &reply, &reference, secret);
	vault_reply_free(&reply);
	free(path);
	free(reference.name);
	return status;
}
