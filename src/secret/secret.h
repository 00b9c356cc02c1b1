/*
 * secret.h: named secrets: who may use which, and what stands for <option>_secret.
 */
#ifndef CONNKIT_SECRET_H
#define CONNKIT_SECRET_H

#include "postgres.h"
#include "utils/array.h"
#include "connkit.h"

/*
 * Stores a value as the next version of the owner's secret and returns that version. hosts: text[] of patterns (see
 * reach.h) of the only hosts it may be sent to; NULL pointer: leaves them as they are, for a new secret any. The current
 * user must have the owner's role. Writes the audit entry. The caller wipes value.
 */
extern int	secret_set(const char *owner, const char *name, const char *value, size_t size, ArrayType *hosts);

/* The same for a value sealed with connkit_public_key(), base64. */
extern int	secret_set_sealed(const char *owner, const char *name, const char *sealed, ArrayType *hosts);

/* Drops all versions; false where there was none. */
extern bool secret_drop(const char *owner, const char *name);

/* True for a name that a secret may have: letters, digits, _ - . ; 1 to 200 characters. */
extern bool secret_name_is_valid(const char *name);

extern void secret_init(void);

#endif							/* CONNKIT_SECRET_H */
