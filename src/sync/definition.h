/*
 * definition.h: what the calls that make and change syncs share.
 */
#ifndef CONNKIT_DEFINITION_H
#define CONNKIT_DEFINITION_H

#include "postgres.h"

#include "sync.h"

/* Words of the enumerations, in their order, NULL at the end. */
extern const char *const sync_modes[];
extern const char *const sync_writes[];
extern const char *const sync_delete_kinds[];
extern const char *const sync_policies[];
extern const char *const sync_changes[];

/* Place of the word among the words, -1 where it is none of them. */
extern int	sync_word(const char *const *words, const char *word);

/* As sync_read(), and a superuser gets also one whose owner is gone (owner invalid) or whose source is (serverid invalid).
 * NULL where there is none. */
extern Sync *sync_fetch(int64 id);

#endif							/* CONNKIT_DEFINITION_H */
