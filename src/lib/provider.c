/*
 * provider.c: what connectors to keepers of secrets share: references, and values out of JSON.
 */
#include "provider.h"

#include <stdlib.h>

CkStatus
provider_reference(CkSession *session, const char *text, const char *hint, ProviderReference *reference)
{
	char	   *part;
	bool		good = true;

	memset(reference, 0, sizeof(*reference));
	reference->name = strdup(text);
	if (!reference->name)
		return ck_fail(session, CK_ERR_MEMORY, "out of memory");
	part = reference->name + strcspn(reference->name, "#?");
	while (good && *part)
	{
		bool		is_field = *part == '#';

		*part++ = '\0';
		if (is_field)
			reference->field = part;
		else if (strncmp(part, "version=", 8) == 0)
			reference->version = part + 8;
		else if (strncmp(part, "stage=", 6) == 0)
			reference->stage = part + 6;
		else
			good = false;
		/* a field is what stands up to the next question mark, so that it may hold & */
		part += strcspn(part, is_field ? "?" : "#?&");
	}
	if (good && reference->name[0] && !(reference->field && !reference->field[0]) &&
		!(reference->version && !reference->version[0]) && !(reference->stage && !reference->stage[0]))
		return CK_OK;
	ck_fail(session, CK_ERR_OPTION, "the reference of the secret has a part that is empty or not known");
	ck_hint(session, hint);
	return CK_ERR_OPTION;
}

json_t *
provider_json(const CkHttpReply *reply)
{
	json_t	   *json = json_loadb(reply->body, reply->size, JSON_ALLOW_NUL, NULL);

	if (json_is_object(json))
		return json;
	json_decref(json);
	return NULL;
}

CkStatus
provider_fail_stranger(CkSession *session, const CkHttpReply *reply, const char *service)
{
	ck_fail(session, CK_ERR_PROTOCOL, "what answers at \"%s\", port %d is not %s (HTTP status %d)", reply->host,
			reply->port, service, reply->status);
	ck_hint(session, "Check the address: http or https, host, port, and whether a proxy answers in the service's place.");
	return CK_ERR_PROTOCOL;
}

CkStatus
provider_put(CkSession *session, const json_t *string, CkSecret *secret, int64_t lifetime_ms)
{
	const char *value = json_string_value(string);
	size_t		size = json_string_length(string);

	if (!value)
	{
		ck_fail(session, CK_ERR_DATA, "the secret's value is not a string");
		ck_hint(session, "Store it as a JSON string, or name another field.");
		return CK_ERR_DATA;
	}
	if (strlen(value) != size)
		return ck_fail(session, CK_ERR_DATA, "the secret's value holds a NUL character");
	ck_put_secret(session, secret, value, size, lifetime_ms);
	return CK_OK;
}

CkStatus
provider_put_field(CkSession *session, const json_t *object, const char *field, CkSecret *secret, int64_t lifetime_ms)
{
	const json_t *value = json_object_get(object, field);

	if (!value)
	{
		ck_fail(session, CK_ERR_NOT_FOUND, "the secret has no field \"%s\"", field);
		ck_hint(session, "Name one of its fields in the reference, behind #.");
		return CK_ERR_NOT_FOUND;
	}
	return provider_put(session, value, secret, lifetime_ms);
}
