/*
 * resolve.h: what stands for <option>_secret when a source is connected to.
 */
#ifndef CONNKIT_SECRET_RESOLVE_H
#define CONNKIT_SECRET_RESOLVE_H

#include "postgres.h"
#include "session.h"
#include "store.h"

/* Names of providers beside the store and sources that keep secrets. */
#define SECRET_ENVIRONMENT "environment"
#define SECRET_FILE "file"

/* Longest value of a secret, in bytes. */
#define SECRET_MAX 65536

/* The SecretResolver of session.h. */
extern List *secret_resolve(SecretUse *use, List *user_options);

/* True for the providers that are no sources. */
extern bool secret_is_local(const char *provider);

/* Oid of the source that keeps the secret. ERROR where it is not there, or has another owner than when it was linked. */
extern Oid	secret_provider(const StoredSecret *stored);

/* Reads a value from the server's environment or a file; palloc'd. ERROR where it is not there, or no text. */
extern char *secret_read_local(const char *provider, const char *reference, size_t *size);

/* ERROR unless the value can be a secret: text of the database's encoding that is not empty, nor too long. */
extern void secret_check_value(const char *value, size_t size);

/* Where a source is by its options or their defaults; port 0: unknown. False where that cannot be told. */
extern bool secret_host(const CkConnector *connector, List *server_options, char **host, int *port);

extern void secret_resolve_init(void);

#endif							/* CONNKIT_SECRET_RESOLVE_H */
