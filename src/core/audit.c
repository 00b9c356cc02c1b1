/*
 * audit.c: writes connkit.audit_log.
 */
#include "postgres.h"

#include "audit.h"

void
audit_write(const AuditEvent *event)
{
}

void
audit_write_now(const AuditEvent *event, bool wait)
{
}

void
audit_write_error(AuditEvent *event)
{
}

Jsonb *
audit_options(const CkConnector *connector, List *options, uint32 where)
{
	return NULL;
}

void
audit_init(void)
{
}
