/*
 * keyring.c: master keys and the keys derived from them.
 */
#include "postgres.h"

#include "keyring.h"

void
keyring_init(void)
{
}
