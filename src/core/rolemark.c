/*
 * rolemark.c: tells a role from a later one of the same name.
 */
#include "postgres.h"

#include "access/xlog.h"
#include "utils/acl.h"

#include "rolemark.h"

char *
rolemark_make(Oid role)
{
	return psprintf(UINT64_FORMAT ":%u", GetSystemIdentifier(), role);
}

bool
rolemark_is(Oid role, const char *mark)
{
	char	   *cluster = psprintf(UINT64_FORMAT ":", GetSystemIdentifier());

	/* a mark of another cluster came with a dump, and names are all that it can bring */
	return strncmp(mark, cluster, strlen(cluster)) != 0 || strcmp(mark, rolemark_make(role)) == 0;
}

Oid
rolemark_role(const char *name, const char *mark)
{
	Oid			role = get_role_oid(name, true);

	return OidIsValid(role) && rolemark_is(role, mark) ? role : InvalidOid;
}
