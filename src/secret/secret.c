/*
 * secret.c: named secrets.
 */
#include "postgres.h"

#include "secret.h"

void
secret_init(void)
{
}
