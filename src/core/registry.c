/*
 * registry.c: finds a connector's module, loads it and checks that its table keeps what it declares.
 */
#include "postgres.h"

#include "access/xact.h"
#include "fmgr.h"
#include "foreign/foreign.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "compat.h"
#include "options.h"
#include "registry.h"

/* The module that makes connectors of manifests. */
#define MANIFEST_MODULE "http"

/* What a connector was made of is never freed: sessions and plans may have it still. */
typedef struct Registered
{
	struct Registered *next;
	const CkConnector *connector;
	char	   *manifest;		/* that it was made of; NULL: it is a module */
	bool		current;		/* the wrapper had that manifest, and has not changed since */
	char		name[NAMEDATALEN];
} Registered;

static Registered *registered = NULL;

/*
 * What a connector's table lacks for what it declares, or NULL.
 */
static const char *
connector_fault(const CkConnector *c, const char *name)
{
	if (c == NULL)
		return "connkit_connector() returned nothing";
	if (c->abi != CK_ABI)
		return psprintf("it was built for version %u of the connector interface, this connkit has version %u",
						c->abi, CK_ABI);
	if (c->name == NULL || strcmp(c->name, name) != 0)
		return psprintf("it calls itself \"%s\"", c->name ? c->name : "");
	if (c->title == NULL || c->version == NULL)
		return "it has no title or no version";
	if (c->options == NULL)
		return "it has no list of options";
	if (c->session_open == NULL || c->session_close == NULL)
		return "it lacks session_open or session_close";
	if ((c->caps & CK_READ) && (c->scan_open == NULL || c->scan_next == NULL || c->scan_close == NULL))
		return "it declares READ but lacks scan_open, scan_next or scan_close";
	if ((c->caps & CK_REMOTE) && (c->sql == NULL || c->sql->rules == NULL))
		return "it declares REMOTE but has no SQL dialect";
	if ((c->caps & CK_REMOTE) && !(c->caps & CK_READ))
		return "it declares REMOTE but not READ";
	if ((c->caps & CK_FILTERS) && (c->dialect == NULL || !(c->caps & CK_READ)))
		return "it declares FILTERS but has no dialect, or not READ";
	if ((c->caps & CK_WRITE) && !(c->caps & CK_FILTERS) && (c->sql == NULL || c->sql->rules == NULL))
		return "it declares WRITE but has no SQL dialect, and not FILTERS";
	if ((c->caps & CK_WRITE) && !(c->caps & CK_READ))
		return "it declares WRITE but not READ";
	if ((c->caps & CK_DISCOVER) && c->discover == NULL &&
		(c->sql == NULL || c->sql->tables == NULL || c->sql->columns == NULL || c->sql->types == NULL))
		return "it declares DISCOVER but lacks discover and has no catalog queries";
	if (c->session_export && c->session_import == NULL)
		return "it has session_export but lacks session_import";
	if ((c->caps & CK_SECRETS) && c->secret_get == NULL)
		return "it declares SECRETS but lacks secret_get";
	for (const CkOption *o = c->options; o->name; o++)
	{
		if (o->offset >= c->options_size)
			return psprintf("its option \"%s\" lies outside its options struct", o->name);
		if ((o->where & CK_SECRET) && (o->where & (CK_ON_SERVER | CK_ON_TABLE | CK_ON_COLUMN)))
			return psprintf("its secret option \"%s\" is allowed outside user mappings", o->name);
	}
	return NULL;
}

/*
 * Loads the module; an error of the loader comes back as *reason when the caller asked for that.
 */
static const CkConnector *
module_load(const char *name, char **reason)
{
	const CkConnector *(*entry) (void);
	volatile PGFunction loaded = NULL;
	MemoryContext caller = CurrentMemoryContext;
	char	   *library = psprintf("$libdir/connkit_%s", name);

	PG_TRY();
	{
		loaded = load_external_function(library, "connkit_connector", true, NULL);
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(caller);
		error = CopyErrorData();
		FlushErrorState();
		*reason = error->message;
	}
	PG_END_TRY();
	if (loaded == NULL)
		return NULL;
	entry = (const CkConnector *(*) (void)) (void (*) (void)) loaded;
	return entry();
}

/* Some wrapper changed, maybe its manifest. */
static void
forget_manifests(Datum arg, int cacheid, uint32 hash)
{
	for (Registered *r = registered; r; r = r->next)
		r->current = r->manifest == NULL;
}

/* The manifest of the connector's wrapper, where it has one; else NULL. */
static char *
wrapper_manifest(const char *name)
{
	static bool listening = false;
	Oid			wrapper;

	if (!listening)
		CacheRegisterSyscacheCallback(FOREIGNDATAWRAPPEROID, forget_manifests, (Datum) 0);
	listening = true;
	if (!IsTransactionState())
		return NULL;
	wrapper = get_foreign_data_wrapper_oid(psprintf("connkit_%s", name), true);
	return OidIsValid(wrapper) ? options_get(GetForeignDataWrapper(wrapper)->options, MANIFEST_OPTION) : NULL;
}

/* The connector that a manifest describes, or NULL, and why. */
static const CkConnector *
manifest_connector(const char *name, const char *manifest, char **fault)
{
	const CkConnector *maker = registry_connector(MANIFEST_MODULE, fault);
	const CkConnector *connector;
	char		error[1024] = "";
	char	   *text = pg_server_to_any(manifest, strlen(manifest), PG_UTF8);

	if (maker == NULL)
		return NULL;
	connector = maker->from_manifest(text, strlen(text), error, sizeof(error));
	if (connector == NULL)
		*fault = pstrdup(pg_any_to_server(error, strlen(error), PG_UTF8));
	else
		*fault = (char *) connector_fault(connector, name);
	return *fault ? NULL : connector;
}

void
registry_check_manifest(const char *name, const char *manifest)
{
	char	   *fault = NULL;

	if (manifest_connector(name, manifest, &fault) == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the manifest of connector \"%s\" is not valid: %s", name, fault),
				 errhint("docs/manifest.md says what a manifest holds.")));
}

const char *
registry_manifest(const CkConnector *connector)
{
	for (Registered *r = registered; r; r = r->next)
		if (r->connector == connector)
			return r->manifest;
	return NULL;
}

const CkConnector *
registry_connector(const char *name, char **reason)
{
	Registered *r;
	const CkConnector *connector = NULL;
	char	   *fault = NULL;
	char	   *manifest;

	for (r = registered; r; r = r->next)
		if (r->current && strcmp(r->name, name) == 0)
			return r->connector;
	manifest = strcmp(name, MANIFEST_MODULE) == 0 ? NULL : wrapper_manifest(name);
	for (r = registered; manifest && r; r = r->next)
		if (r->manifest && strcmp(r->name, name) == 0 && strcmp(r->manifest, manifest) == 0)
		{
			r->current = true;
			return r->connector;
		}

	if (name[0] == '\0' || strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") != strlen(name) ||
		strlen(name) > NAMEDATALEN - 20)
		fault = "its name is not made of the letters a-z, digits and underscores";
	else if (manifest)
		connector = manifest_connector(name, manifest, &fault);
	else
	{
		connector = module_load(name, &fault);
		if (fault == NULL)
			fault = (char *) connector_fault(connector, name);
	}
	if (fault)
	{
		if (reason == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_FDW_UNABLE_TO_CREATE_EXECUTION),
					 errmsg("connector \"%s\" is not available: %s", name, fault),
					 errhint("Install the library that the connector needs and build it again; "
							 "connkit.connector lists what is available.")));
		*reason = pstrdup(fault);
		return NULL;
	}

	r = MemoryContextAllocZero(TopMemoryContext, sizeof(Registered));
	strlcpy(r->name, name, NAMEDATALEN);
	r->connector = connector;
	r->manifest = manifest ? MemoryContextStrdup(TopMemoryContext, manifest) : NULL;
	r->current = true;
	r->next = registered;
	registered = r;
	return connector;
}

const CkConnector *
registry_connector_to_use(const char *name, char **wrapper)
{
	Oid			fdwid;
	char	   *connector;

	*wrapper = psprintf("connkit_%s", name);
	fdwid = get_foreign_data_wrapper_oid(*wrapper, true);
	connector = OidIsValid(fdwid) ? registry_name_of_wrapper(fdwid) : NULL;
	if (connector == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("there is no connector \"%s\"", name),
				 errhint("connkit.connector lists them.")));
	if (compat_wrapper_aclcheck(fdwid, GetUserId(), ACL_USAGE) != ACLCHECK_OK)
		aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_FDW, *wrapper);
	return registry_connector(connector, NULL);
}

char *
registry_name_of_function(Oid function, const char *suffix)
{
	char	   *name = OidIsValid(function) ? get_func_name(function) : NULL;
	size_t		length,
				tail = strlen(suffix);

	if (name == NULL)
		return NULL;
	length = strlen(name);
	if (length <= 8 + tail || strncmp(name, "connkit_", 8) != 0 || strcmp(name + length - tail, suffix) != 0)
		return NULL;
	name[length - tail] = '\0';
	return name + 8;
}

char *
registry_name_of_wrapper(Oid fdwid)
{
	return registry_name_of_function(GetForeignDataWrapper(fdwid)->fdwhandler, "_handler");
}

/* The servers asked for last, and their connectors; forgotten when any server or wrapper changes. */
static struct
{
	Oid			serverid;
	const CkConnector *connector;
}			known[8];
static int	known_next = 0;

static void
forget_servers(Datum arg, int cacheid, uint32 hash)
{
	memset(known, 0, sizeof(known));
}

static void
remember_server(Oid serverid, const CkConnector *connector)
{
	static bool listening = false;

	/* a change that came before this is not told any more: what is known from now on is remembered */
	if (!listening)
	{
		listening = true;
		CacheRegisterSyscacheCallback(FOREIGNSERVEROID, forget_servers, (Datum) 0);
		CacheRegisterSyscacheCallback(FOREIGNDATAWRAPPEROID, forget_servers, (Datum) 0);
		return;
	}
	known[known_next].serverid = serverid;
	known[known_next].connector = connector;
	known_next = (known_next + 1) % (int) lengthof(known);
}

const CkConnector *
registry_connector_of_server(Oid serverid)
{
	ForeignServer *server;
	const CkConnector *connector;
	char	   *name;

	for (int i = 0; i < (int) lengthof(known); i++)
		if (known[i].serverid == serverid && known[i].connector)
			return known[i].connector;
	server = GetForeignServer(serverid);
	name = registry_name_of_wrapper(server->fdwid);
	if (name == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("server \"%s\" is not a source of connkit", server->servername),
				 errhint("Create it with FOREIGN DATA WRAPPER connkit_<connector>.")));
	connector = registry_connector(name, NULL);
	remember_server(serverid, connector);
	return connector;
}
