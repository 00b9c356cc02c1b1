/*
 * secret.h: named secrets, for parts that make and drop them.
 */
#ifndef CONNKIT_SECRET_H
#define CONNKIT_SECRET_H

#include "postgres.h"
#include "utils/array.h"
#include "audit.h"

/*
 * Stores a value as the next version of the owner's secret and returns that version. hosts: text[] of patterns (see
 * reach.h) of the only hosts it may be sent to; NULL leaves them as they are, empty: any. The current user must
 * have the owner's role. Writes the audit entry. The caller wipes value.
 */
extern int	secret_set(const char *owner, const char *name, const char *value, size_t size, ArrayType *hosts);

/* The same for a value sealed with connkit_public_key(), as base64. */
extern int	secret_set_sealed(const char *owner, const char *name, const char *sealed, ArrayType *hosts);

/* Drops all versions and grants; false where there was none. */
extern bool secret_drop(const char *owner, const char *name);

/* ERROR unless the name is made of letters, digits, '_', '-', '.' and is not longer than 200 characters. */
extern void secret_check_name(const char *name);

/* To be called first by functions that take a secret in their arguments: takes the statement's text out of
 * pg_stat_activity, and warns where the server log has it. */
extern void secret_guard_statement(void);

/* Refuses what the event tells of, 42501, and says so in the audit log. */
extern void secret_refuse(AuditEvent *event, const char *message, const char *hint);

/* An ErrorContextCallback for functions whose arguments hold a secret: errors take no statement to the log. */
extern void secret_hide_statement(void *arg);

extern void secret_init(void);

#endif							/* CONNKIT_SECRET_H */
