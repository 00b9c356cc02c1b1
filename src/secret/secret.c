/*
 * secret.c: readies what has to do with secrets when the module is loaded.
 */
#include "postgres.h"

#include "guard.h"
#include "resolve.h"
#include "secret.h"

void
secret_init(void)
{
	secret_resolve_init();
	guard_init();
}
