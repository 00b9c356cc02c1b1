/*
 * store.h: the table connkit.secret_store. SPI must be connected.
 */
#ifndef CONNKIT_STORE_H
#define CONNKIT_STORE_H

#include "postgres.h"
#include "utils/array.h"

#define SECRET_STORE "store"	/* the provider of values in the table itself */

/* A version of a secret; strings are palloc'd. */
typedef struct StoredSecret
{
	char	   *owner;
	char	   *name;
	int			version;
	char	   *provider;
	char	   *provider_mark;	/* of the owner of the source that is the provider, or NULL */
	char	   *reference;		/* NULL where the provider is the store */
	bytea	   *message;		/* else NULL */
	char	   *key_id;			/* else NULL */
	ArrayType  *hosts;			/* text[], or NULL: any */
	char	   *mark;			/* of the owner */
} StoredSecret;

/* The current version of a secret (back 0), or the one before it (1); NULL where there is none. */
extern StoredSecret *store_get(const char *owner, const char *name, int back);

/* The value, palloc'd with a NUL behind it. ERROR where it does not open with the key of its owner, name and version. */
extern char *store_open(const StoredSecret *secret, size_t *size);

/*
 * Makes the next version: of a value, or with value NULL by reference to a provider. hosts NULL: those of the version
 * before; empty: any. Returns its number, and forgets versions beyond those that are kept.
 */
extern int	store_add(const char *owner, const char *name, const char *value, size_t size, const char *provider,
					  const char *reference, ArrayType *hosts);

/* The mark of the owner's name now, where an earlier role of that name has left secrets behind; else NULL. */
extern char *store_left_behind(const char *owner);

/* Encrypts all versions of the owner (NULL: of all), but those with that mark (or NULL), anew, under the current master key
 * and for new_owner (NULL: the same). Returns their number. */
extern int64 store_encrypt_all(const char *owner, const char *mark, const char *new_owner);

/* Id of the master key of the newest secret, or NULL. */
extern char *store_used_key(void);

/* Holds off changes of the table by others until the transaction ends. */
extern void store_lock(LOCKMODE mode);

/* The same for ShareRowExclusiveLock, which who sets secrets would queue behind: ERROR where it is not to be had soon. */
extern void store_lock_soon(void);

#endif							/* CONNKIT_STORE_H */
