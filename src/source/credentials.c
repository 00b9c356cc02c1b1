/*
 * credentials.c: credentials of sources, kept as secrets that are made for them and go to their hosts alone;
 * connkit.source_secret says which.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "../secret/keyring.h"
#include "../secret/resolve.h"
#include "../secret/secret.h"
#include "options.h"
#include "source.h"
#include "tables.h"

/* Host and port that options of a server lead to, as a pattern of reach.h; NULL for a connector that has neither. */
static char *
source_place(const CkConnector *connector, List *options)
{
	char	   *host;
	int			port;

	if (!secret_host(connector, options, &host, &port))
		return NULL;
	if (host[0] == '/' || port == 0)
		return host;
	return psprintf(strchr(host, ':') ? "[%s]:%d" : "%s:%d", host, port);
}

/* Runs a statement on connkit's tables with the source as $1, its owner as $2 and the name of a secret, or NULL, as $3. */
static void
execute(const Source *source, const char *secret, const char *sql)
{
	NameData	names[2];
	Oid			types[] = {NAMEOID, NAMEOID, TEXTOID};
	Datum		values[] = {NameGetDatum(&names[0]), NameGetDatum(&names[1]), (Datum) 0};

	namestrcpy(&names[0], source->name);
	namestrcpy(&names[1], source_owner_name(source));
	if (secret)
		values[2] = CStringGetTextDatum(secret);
	tables_execute(sql, 3, types, values, secret ? NULL : "  n");
}

List *
credentials_secrets(const Source *source)
{
	List	   *secrets = NIL;

	execute(source, NULL, "SELECT secret FROM connkit.source_secret WHERE source = $1 AND owner = $2");
	for (uint64 i = 0; i < SPI_processed; i++)
		secrets = lappend(secrets, makeString(SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1)));
	return secrets;
}

/* A name for a secret of the source that its owner has not given to another one yet. */
static char *
new_secret_name(const Source *source, const CkOption *option)
{
	char	   *base = psprintf("%s.%s", source->name, option->name);
	char	   *name = base;

	for (char *c = base; *c; c++)
		if (strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.", *c) == NULL)
			*c = '_';
	for (int i = 2;; i++)
	{
		execute(source, name, "SELECT FROM connkit.secret_store WHERE owner = $2 AND name = $3");
		if (SPI_processed == 0)
			return name;
		name = psprintf("%s_%d", base, i);
	}
}

/* The name of the secret that the mapping has for the option, where it was made for the source. */
static char *
own_secret_name(const Source *source, const Mapping *mapping, const CkOption *option)
{
	char	   *name = options_get(mapping->options, psprintf("%s_secret", option->name));

	return name && list_member(source->secrets, makeString(name)) ? name : NULL;
}

/* Stores a credential as a secret that goes to the source's host alone, and returns its name. */
static char *
store_secret(Source *source, const Mapping *mapping, const CkOption *option, DefElem *def)
{
	char	   *name = own_secret_name(source, mapping, option);
	char	   *place = source_place(source->connector, source->options);
	char	   *value = strVal(def->arg);
	ArrayType  *hosts = NULL;

	if (place == NULL && options_get(source->options, "address"))
		ereport(ERROR,
				(errcode(ERRCODE_FDW_INVALID_STRING_FORMAT),
				 errmsg("invalid value for option \"%s\"", "address"),
				 errhint("It is https://host:port, without a user: credentials are bound to the host.")));
	if (name == NULL)
		name = new_secret_name(source, option);
	if (place)
	{
		Datum		pattern = CStringGetTextDatum(place);

		hosts = construct_array(&pattern, 1, TEXTOID, -1, false, TYPALIGN_INT);
	}
	if (def->defnamespace)
		secret_set_sealed(source_owner_name(source), name, value, hosts);
	else
		secret_set(source_owner_name(source), name, value, strlen(value), hosts);
	keyring_wipe(value, strlen(value));
	execute(source, name, "INSERT INTO connkit.source_secret (source, owner, secret) VALUES ($1, $2, $3)"
			" ON CONFLICT DO NOTHING");
	return name;
}

void
credentials_sweep(const Source *source)
{
	ListCell   *lc;

	foreach(lc, source->secrets)
	{
		char	   *secret = strVal(lfirst(lc));

		execute(source, secret, "SELECT FROM connkit.secret WHERE owner = $2 AND name = $3 AND used_by <> '{}'");
		if (SPI_processed > 0)
			continue;
		execute(source, secret, "DELETE FROM connkit.source_secret WHERE source = $1 AND owner = $2 AND secret = $3");
		if (secret_drop(source_owner_name(source), secret))
			ereport(NOTICE,
					(errmsg("secret \"%s\", which was made for source \"%s\", is dropped", secret, source->name)));
	}
}

/*
 * Lets the mapped user, who is not one of the owner's, use the secret for this source. The arguments have their types, so
 * that it is connkit's function that is called, whatever others of the name there are.
 */
static void
grant_secret(const Source *source, const Mapping *mapping, const char *name)
{
	if (OidIsValid(mapping->user) && !has_privs_of_role(mapping->user, source->owner))
		source_run(psprintf("SELECT %s.connkit_grant_secret(%s::pg_catalog.text, %s::pg_catalog.name, %s::pg_catalog.name,"
							" %s::pg_catalog.name)",
							quote_identifier(source->schema), quote_literal_cstr(name),
							quote_literal_cstr(GetUserNameFromId(mapping->user, false)),
							quote_literal_cstr(source->name), quote_literal_cstr(source_owner_name(source))));
}

/* Stores what of the credentials is secret, and returns the steps for the mapping's options. */
static List *
store_credentials(Source *source, const Mapping *mapping, List *credentials)
{
	Change		change = {.options = mapping->options};
	ListCell   *lc;

	foreach(lc, credentials)
	{
		DefElem    *def = lfirst_node(DefElem, lc);
		const CkOption *option = options_lookup(source->connector, def->defname, CK_ON_USER);
		const CkOption *base = option ? NULL : options_secret_base(source->connector, def->defname);
		const char *value = def->defaction == DEFELEM_DROP ? NULL : strVal(def->arg);

		if (base == NULL && !(option->where & CK_SECRET))
			change_option(&change, option, def->defname, value);
		else if (base)
		{
			change_option(&change, base, base->name, NULL);
			change_option(&change, NULL, def->defname, value);
		}
		else
		{
			char	   *secret = value ? store_secret(source, mapping, option, def) : NULL;

			if (secret)
				grant_secret(source, mapping, secret);
			change_option(&change, option, option->name, NULL);
			change_option(&change, NULL, psprintf("%s_secret", option->name), secret);
		}
	}
	return change.steps;
}

void
credentials_check(const CkConnector *connector, List *credentials)
{
	ListCell   *lc;

	foreach(lc, credentials)
	{
		DefElem    *def = lfirst_node(DefElem, lc);
		const CkOption *base = options_secret_base(connector, def->defname);

		if (base && change_find(credentials, base, base->name))
			ereport(ERROR,
					(errcode(ERRCODE_SYNTAX_ERROR),
					 errmsg("options \"%s\" and \"%s\" exclude each other", base->name, def->defname)));
	}
	for (const CkOption *o = connector->options; o->name; o++)
	{
		DefElem    *one = change_find(credentials, NULL, o->name);
		DefElem    *other = o->alias ? change_find(credentials, NULL, o->alias) : NULL;

		if (one && one->arg && other && other->arg)
			ereport(ERROR,
					(errcode(ERRCODE_SYNTAX_ERROR),
					 errmsg("options \"%s\" and \"%s\" are the same", o->name, o->alias)));
	}
}

void
credentials_write(Source *source, const Mapping *mapping, List *credentials)
{
	List	   *steps = store_credentials(source, mapping, credentials);
	StringInfoData statement;

	if (steps == NIL && (mapping->exists || credentials != NIL))
		return;
	initStringInfo(&statement);
	appendStringInfo(&statement, "%s USER MAPPING FOR %s SERVER %s", mapping->exists ? "ALTER" : "CREATE",
					 OidIsValid(mapping->user) ? quote_identifier(GetUserNameFromId(mapping->user, false)) : "PUBLIC",
					 quote_identifier(source->name));
	change_append(&statement, steps, mapping->exists);
	source_run(statement.data);
	credentials_sweep(source);
}

void
credentials_check_place(const Source *source, List *options, const Mapping *target, List *credentials)
{
	char	   *before = source_place(source->connector, source->options);
	char	   *after = source_place(source->connector, options);
	ListCell   *lc;

	if (before == NULL || after == NULL || strcmp(before, after) == 0)
		return;
	foreach(lc, source->mappings)
	{
		const Mapping *mapping = lfirst(lc);

		for (const CkOption *o = source->connector->options; o->name; o++)
			if ((o->where & CK_SECRET) && own_secret_name(source, mapping, o) &&
				(mapping != target || (change_find(credentials, o, o->name) == NULL &&
									   change_find(credentials, NULL, psprintf("%s_secret", o->name)) == NULL)))
				ereport(ERROR,
						(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						 errmsg("the credentials of source \"%s\" are bound to its host and port", source->name),
						 errdetail("Option \"%s\", for %s, was given for another host or port.", o->name,
								   OidIsValid(mapping->user) ? GetUserNameFromId(mapping->user, false) : "PUBLIC"),
						 errhint("Give the credentials again in the same call; drop other user mappings first.")));
	}
}
