/*
 * rolemark.c: tells a role from a later one of the same name.
 */
#include "postgres.h"

#include "access/xlog.h"
#include "utils/acl.h"
#include "utils/syscache.h"

#include "rolemark.h"

char *
rolemark_cluster(void)
{
	return psprintf(UINT64_FORMAT ":", GetSystemIdentifier());
}

char *
rolemark_make(Oid role)
{
	return psprintf("%s%u", rolemark_cluster(), role);
}

bool
rolemark_is(Oid role, const char *mark)
{
	char	   *cluster = rolemark_cluster();

	/* a mark of another cluster came with a dump, and names are all that it can bring */
	return strncmp(mark, cluster, strlen(cluster)) != 0 || strcmp(mark, rolemark_make(role)) == 0;
}

Oid
rolemark_role(const char *name, const char *mark)
{
	Oid			role = get_role_oid(name, true);

	return OidIsValid(role) && rolemark_is(role, mark) ? role : InvalidOid;
}

Oid
rolemark_follow(const char *name, const char *mark)
{
	char	   *cluster = rolemark_cluster();
	Oid			role;

	if (strncmp(mark, cluster, strlen(cluster)) != 0)
		return get_role_oid(name, true);
	role = strtoul(mark + strlen(cluster), NULL, 10);
	return SearchSysCacheExists1(AUTHOID, ObjectIdGetDatum(role)) ? role : InvalidOid;
}
