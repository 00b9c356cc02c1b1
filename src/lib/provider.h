/*
 * provider.h: what connectors to keepers of secrets share: references, and values out of JSON.
 */
#ifndef CK_PROVIDER_H
#define CK_PROVIDER_H

#include "connkit.h"
#include "http.h"

/* Its json_object() cannot be called: PostgreSQL has a function of that name, which would be taken for it. */
#include <jansson.h>

/* Bytes of the largest reply that can hold a secret. */
#define PROVIDER_REPLY_LIMIT (1024 * 1024)

/* A reference in its parts: "name#field?version=…&stage=…"; the two behind the name stand in any order. */
typedef struct ProviderReference
{
	char	   *name;			/* not empty; the block that holds all of them */
	const char *field;			/* NULL: none given */
	const char *version;
	const char *stage;
} ProviderReference;

/* Takes a reference apart; the hint goes with an error. The caller frees reference->name, also after that. */
extern CkStatus provider_reference(CkSession *session, const char *text, const char *hint, ProviderReference *reference);

/* The body of a reply as a JSON object, or NULL: it is none. The caller gives it back with json_decref(). */
extern json_t *provider_json(const CkHttpReply *reply);

/* Tells that what answers is not the service that was meant. */
extern CkStatus provider_fail_stranger(CkSession *session, const CkHttpReply *reply, const char *service);

/* Hands over a field of an object, that must be a string. */
extern CkStatus provider_put_field(CkSession *session, const json_t *object, const char *field, CkSecret *secret,
								   int64_t lifetime_ms);

/* Hands over a string. */
extern CkStatus provider_put(CkSession *session, const json_t *string, CkSecret *secret, int64_t lifetime_ms);

#endif							/* CK_PROVIDER_H */
