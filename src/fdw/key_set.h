/*
 * key_set.h: the keys of rows that a statement has changed, to tell those that come again.
 */
#ifndef CONNKIT_KEY_SET_H
#define CONNKIT_KEY_SET_H

#include "postgres.h"

#include "connkit.h"

typedef struct KeySet KeySet;

/* An empty set, in the current memory context, which is to live until key_set_end(). */
extern KeySet *key_set_begin(void);
/* Adds a key of one value or more; false where it was there. */
extern bool key_set_add(KeySet *set, const CkValue *values, int nvalues);
extern void key_set_end(KeySet *set);

#endif							/* CONNKIT_KEY_SET_H */
