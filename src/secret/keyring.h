/*
 * keyring.h: master keys, which never enter the database, and the keys derived from them, by libsodium.
 */
#ifndef CONNKIT_KEYRING_H
#define CONNKIT_KEYRING_H

#include "postgres.h"

/* Characters of a key's id, which tells it from others and nothing of it; without the NUL. */
#define KEYRING_ID_CHARS 16
/* Characters of a derived key as pgcrypto's passphrase, without the NUL. */
#define KEYRING_PASSPHRASE_CHARS 64
#define KEYRING_PUBLIC_BYTES 32

/*
 * Id of the key that new secrets are stored with: the first of those that the source of keys has now. Where keys come from
 * a file that is not there, one is made; but with used_id, the id of a key that is in use, that is an ERROR naming it.
 */
extern const char *keyring_current(const char *used_id);

/*
 * The key of one version of a secret, derived from master key key_id by way of the owner's key, as a passphrase of
 * KEYRING_PASSPHRASE_CHARS hex digits and a NUL. The caller wipes it with keyring_wipe(). ERROR naming key_id where that
 * key is not on hand.
 */
extern void keyring_passphrase(const char *key_id, const char *owner, const char *name, int version, char *passphrase);

/* The public key that clients seal values with: for one name, or with NULL for any name of the owner. */
extern void keyring_public_key(const char *owner, const char *name, unsigned char *public_key);

/*
 * Opens what was sealed for owner and name, or for any name of the owner, with any key on hand. Returns the value palloc'd
 * with a NUL behind it, or NULL.
 */
extern char *keyring_open_sealed(const char *owner, const char *name, const unsigned char *sealed, size_t size,
								 size_t *length);

/*
 * Has a new current key, and keeps the old ones: a key file gets the new key as its first line, safely on disk before
 * this returns; a command must print it first by now: ERROR where that is used_id still. To be called by one process of
 * the cluster at a time.
 */
extern void keyring_rotate(const char *used_id);

/* Removes a key from the key file. ERROR for the current one, and where keys come from a command. One at a time, too. */
extern void keyring_forget(const char *key_id);

/* True where the key file lies within the data directory, so that base backups hold it. */
extern bool keyring_in_data_directory(void);

/* Overwrites memory that held a secret; the compiler does not leave it out. */
extern void keyring_wipe(void *memory, size_t size);

extern void keyring_init(void);

#endif							/* CONNKIT_KEYRING_H */
