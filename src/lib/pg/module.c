/*
 * module.c: makes a connector's shared object loadable by PostgreSQL. The only file of a connector that
 * includes PostgreSQL's headers.
 */
#include "postgres.h"
#include "fmgr.h"

PG_MODULE_MAGIC;
