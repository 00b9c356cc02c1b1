/*
 * options.c: checks and parses options by a connector's manifest.
 */
#include "postgres.h"

#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "access/reloptions.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_foreign_data_wrapper.h"
#include "catalog/pg_foreign_server.h"
#include "catalog/pg_foreign_table.h"
#include "catalog/pg_user_mapping.h"
#include "commands/defrem.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/numeric.h"
#include "utils/varlena.h"

#include "options.h"
#include "registry.h"
#include "session.h"

char	   *options_allowed_paths = NULL;
char	   *options_writable_paths = NULL;

/* Options that every connector has; offsets are into CommonOptions. Timeouts are written in seconds. */
static const CkOption common_options[] = {
	{"connect_timeout", CK_OPT_INTEGER, CK_ON_SERVER, offsetof(CommonOptions, connect_timeout_ms), "30", 1, 86400,
	NULL, "seconds that connecting may take"},
	{"query_timeout", CK_OPT_INTEGER, CK_ON_SERVER | CK_ON_TABLE, offsetof(CommonOptions, query_timeout_ms), "300", 0,
	86400, NULL, "seconds that the source may let a query wait for its next rows; 0 waits for ever"},
	{"fetch_size", CK_OPT_INTEGER, CK_ON_SERVER | CK_ON_TABLE, offsetof(CommonOptions, fetch_size), "0", 0, INT_MAX,
	NULL, "rows to ask for at once, where the protocol has that; 0 leaves it to the connector"},
	{"max_rows", CK_OPT_INTEGER, CK_ON_SERVER | CK_ON_TABLE, offsetof(CommonOptions, max_rows), "0", 0, PG_INT64_MAX, NULL,
	"rows that a scan may receive; the smaller of server and table counts; 0 sets no limit"},
	{"max_bytes", CK_OPT_INTEGER, CK_ON_SERVER | CK_ON_TABLE, offsetof(CommonOptions, max_bytes), "0", 0, PG_INT64_MAX,
	NULL, "bytes that a scan may receive; the smaller of server and table counts; 0 sets no limit"},
	{"use_remote_estimate", CK_OPT_BOOLEAN, CK_ON_SERVER | CK_ON_TABLE, offsetof(CommonOptions, use_remote_estimate),
	"true", 0, 0, NULL, "ask the source for row counts while a table has not been analyzed"},
	{"parallel_capable", CK_OPT_BOOLEAN, CK_ON_SERVER | CK_ON_TABLE, offsetof(CommonOptions, parallel_capable), "true", 0, 0,
	NULL, "whether parallel workers may read a large table by parts, each on a connection of its own"},
	{"async_capable", CK_OPT_BOOLEAN, CK_ON_SERVER | CK_ON_TABLE, offsetof(CommonOptions, async_capable), "true", 0, 0, NULL,
	"let the source begin its work while others are read, where a query puts the rows of several together"},
	{"password_required", CK_OPT_BOOLEAN, CK_ON_USER, offsetof(CommonOptions, password_required), "true", 0, 0, NULL,
	"false lets this user connect without a credential of his own; superusers may set it"},
	{"updatable", CK_OPT_BOOLEAN, CK_ON_SERVER | CK_ON_TABLE, offsetof(CommonOptions, updatable), NULL, 0, 0, NULL,
	"whether rows may be changed; of a server that is a file only where it says so"},
	{"truncatable", CK_OPT_BOOLEAN, CK_ON_SERVER | CK_ON_TABLE, offsetof(CommonOptions, truncatable), "true", 0, 0, NULL,
	"whether TRUNCATE is allowed"},
	{"batch_size", CK_OPT_INTEGER, CK_ON_SERVER | CK_ON_TABLE, offsetof(CommonOptions, batch_size), "1000", 1, 65535, NULL,
	"rows that one INSERT at the source takes at most"},
	{"disabled", CK_OPT_BOOLEAN, CK_ON_SERVER, offsetof(CommonOptions, disabled), "false", 0, 0, NULL,
	"true lets nobody use the source; connkit_drop_source() and connkit_restore_source() set it"},
	{"schema_name", CK_OPT_STRING, CK_ON_TABLE, offsetof(CommonOptions, schema_name), NULL, 0, 0, NULL,
	"schema of the table at the source"},
	{"table_name", CK_OPT_STRING, CK_ON_TABLE, offsetof(CommonOptions, table_name), NULL, 0, 0, NULL,
	"name of the table at the source; default: the local name"},
	{"query", CK_OPT_STRING, CK_ON_TABLE, offsetof(CommonOptions, query), NULL, 0, 0, NULL,
	"SELECT of the source to read instead of a table"},
	{"column_name", CK_OPT_STRING, CK_ON_COLUMN, 0, NULL, 0, 0, NULL,
	"name of the column at the source; default: the local name"},
	{"source_type", CK_OPT_STRING, CK_ON_COLUMN, 0, NULL, 0, 0, NULL,
	"type of the column at the source, where conditions are sent by it; without it none on the column are sent"},
	{"key", CK_OPT_BOOLEAN, CK_ON_COLUMN, 0, NULL, 0, 0, NULL,
	"the column is of the key by which a row that is to be changed is found at the source"},
	{NULL}
};

/* Whether a server of the connector is a file here. */
static bool
source_is_file(const CkConnector *connector)
{
	for (const CkOption *o = connector->options; o->name; o++)
		if (o->type == CK_OPT_FILE && (o->where & CK_REQUIRED) && (o->where & CK_ON_SERVER))
			return true;
	return false;
}

/* Whether a list says that it is updatable, or says nothing and initial is so. */
static bool
list_is_updatable(List *options, bool initial)
{
	char	   *value = options_get(options, "updatable");

	if (value)
		(void) parse_bool(value, &initial);
	return initial;
}

bool
options_updatable(const CkConnector *connector, List *server_options, List *table_options)
{
	return (connector->caps & CK_WRITE) && list_is_updatable(server_options, !source_is_file(connector)) &&
		list_is_updatable(table_options, true);
}

static const char *
where_name(uint32 where)
{
	return where == CK_ON_SERVER ? "server" : where == CK_ON_USER ? "user mapping" :
		where == CK_ON_TABLE ? "foreign table" : "column";
}

static const CkOption *
manifest_find(const CkOption *manifest, const char *name, uint32 where)
{
	for (; manifest->name; manifest++)
		if ((manifest->where & where) &&
			(strcmp(manifest->name, name) == 0 || (manifest->alias && strcmp(manifest->alias, name) == 0)))
			return manifest;
	return NULL;
}

static const CkOption *
option_find(const CkConnector *connector, const char *name, uint32 where)
{
	const CkOption *option = manifest_find(common_options, name, where);

	return option ? option : manifest_find(connector->options, name, where);
}

#define SECRET_SUFFIX "_secret"

const CkOption *
options_secret_base(const CkConnector *connector, const char *name)
{
	size_t		length = strlen(name),
				suffix = strlen(SECRET_SUFFIX);
	const CkOption *option;

	if (length <= suffix || strcmp(name + length - suffix, SECRET_SUFFIX) != 0)
		return NULL;
	option = manifest_find(connector->options, pnstrdup(name, length - suffix), CK_ON_USER);
	return option && (option->where & CK_SECRET) ? option : NULL;
}

/*
 * Raises the error for a name that the manifest does not have there, with the nearest name or the place where it would
 * be right.
 */
static void
unknown_option(const CkConnector *connector, const char *name, uint32 where)
{
	const CkOption *lists[] = {common_options, connector->options};
	const char *nearest = NULL;
	int			distance = 4;
	const uint32 everywhere = CK_ON_SERVER | CK_ON_USER | CK_ON_TABLE | CK_ON_COLUMN;
	const CkOption *elsewhere = option_find(connector, name, everywhere);
	char	   *hint;

	for (int i = 0; i < 2; i++)
		for (const CkOption *o = lists[i]; o->name; o++)
		{
			int			d = varstr_levenshtein_less_equal(name, Min(strlen(name), 255), o->name, strlen(o->name),
														  1, 1, 1, distance, true);

			if ((o->where & where) && d < distance && d < (int) strlen(o->name))
			{
				nearest = o->name;
				distance = d;
			}
		}
	if (elsewhere)
	{
		uint32		right = elsewhere->where & everywhere;

		hint = psprintf("It is an option of a %s.", where_name(right & (~right + 1)));
	}
	else if (nearest)
		hint = psprintf("Did you mean \"%s\"?", nearest);
	else
		hint = psprintf("connkit.connector_option lists the options of connector \"%s\".", connector->name);
	if (elsewhere && (elsewhere->where & CK_SECRET))
		hint = "It is a secret and belongs into CREATE USER MAPPING, where only its owner can read it.";
	ereport(ERROR,
			(errcode(ERRCODE_FDW_INVALID_OPTION_NAME),
			 errmsg("invalid option \"%s\" for a %s of connector \"%s\"", name, where_name(where), connector->name),
			 errhint("%s", hint),
			 errhidestmt(elsewhere && (elsewhere->where & CK_SECRET))));
}

const CkOption *
options_lookup(const CkConnector *connector, const char *name, uint32 where)
{
	const CkOption *option = option_find(connector, name, where);

	if (option == NULL && (where != CK_ON_USER || options_secret_base(connector, name) == NULL))
		unknown_option(connector, name, where);
	return option;
}

/* Raises the error for a value that does not fit; the value itself is not shown. */
static void
bad_value(const CkOption *option, const char *expected)
{
	ereport(ERROR,
			(errcode(ERRCODE_FDW_INVALID_STRING_FORMAT),
			 errmsg("invalid value for option \"%s\"", option->name),
			 errhint("%s", expected)));
}

static bool
choice_has(const char *choices, const char *value)
{
	size_t		length = strlen(value);

	for (const char *c = choices; c; c = strchr(c, '|') ? strchr(c, '|') + 1 : NULL)
		if (strncmp(c, value, length) == 0 && (c[length] == '|' || c[length] == '\0'))
			return true;
	return false;
}

/* Whether the value is one of the option's choices: for a file, words that are taken instead of a path. */
static bool
value_is_choice(const CkOption *option, const char *value)
{
	return option->choices && value[0] != '\0' && strchr(value, '|') == NULL && choice_has(option->choices, value);
}

/*
 * Checks one value and stores it at its offset, if there is a struct to store it in.
 */
static void
option_store(const CkOption *option, char *value, void *parsed)
{
	char	   *target = parsed ? (char *) parsed + option->offset : NULL;

	switch (option->type)
	{
		case CK_OPT_INTEGER:
			{
				char	   *end;
				int64		number;

				errno = 0;
				number = strtoll(value, &end, 10);
				if (end == value || *end || errno || number < option->min || number > option->max)
					bad_value(option, psprintf("It is a whole number from " INT64_FORMAT " to " INT64_FORMAT ".",
											   option->min, option->max));
				if (target)
					memcpy(target, &number, sizeof(number));
				break;
			}
		case CK_OPT_BOOLEAN:
			{
				bool		on;

				if (!parse_bool(value, &on))
					bad_value(option, "It is true or false.");
				if (target)
					memcpy(target, &on, sizeof(on));
				break;
			}
		case CK_OPT_CHOICE:
		case CK_OPT_FILE:
		case CK_OPT_STRING:
			if ((option->where & CK_REQUIRED) && value[0] == '\0')
				bad_value(option, "It may not be empty.");
			if (option->type == CK_OPT_CHOICE && !value_is_choice(option, value))
				bad_value(option, psprintf("It is one of %s.", option->choices));
			if (option->type == CK_OPT_FILE && !is_absolute_path(value) && !value_is_choice(option, value))
				bad_value(option, "It is an absolute path.");
			if (target)
				memcpy(target, &value, sizeof(value));
			break;
	}
}

char *
options_get(List *options, const char *name)
{
	ListCell   *lc;

	foreach(lc, options)
	{
		DefElem    *def = lfirst_node(DefElem, lc);

		if (strcmp(def->defname, name) == 0)
			return defGetString(def);
	}
	return NULL;
}

/* One member of the object as a DefElem, NULL for what is as if absent. */
static DefElem *
option_from_json(const char *name, JsonbValue *value, const char *argument, uint32 allow)
{
	DefElem    *def = makeDefElem(pstrdup(name), NULL, -1);
	char	   *text = NULL;

	if (value->type == jbvNull)
	{
		def->defaction = DEFELEM_DROP;
		return allow & OPTIONS_NULL ? def : NULL;
	}
	if (value->type == jbvBinary && (allow & OPTIONS_SEALED) && JsonContainerIsObject(value->val.binary.data) &&
		JsonContainerSize(value->val.binary.data) == 1)
	{
		JsonbValue *sealed = getKeyJsonValueFromContainer(value->val.binary.data, "sealed", 6, NULL);

		if (sealed && sealed->type == jbvString)
		{
			def->defnamespace = "sealed";
			value = sealed;
		}
	}
	if (value->type == jbvString)
		text = pnstrdup(value->val.string.val, value->val.string.len);
	else if (value->type == jbvNumeric)
		text = DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(value->val.numeric)));
	else if (value->type == jbvBool)
		text = pstrdup(value->val.boolean ? "true" : "false");
	else
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s: option \"%s\" must be a string, a number or a boolean", argument, name),
				 (allow & OPTIONS_SEALED) ? errhint("Or, for a sealed secret, {\"sealed\": \"base64\"}.") : 0));
	def->arg = (Node *) makeString(text);
	return def;
}

List *
options_from_json(Jsonb *json, const char *argument, uint32 allow)
{
	JsonbIterator *iterator = JsonbIteratorInit(&json->root);
	JsonbIteratorToken token;
	JsonbValue	value;
	List	   *options = NIL;
	char	   *name = NULL;

	if (!JB_ROOT_IS_OBJECT(json))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must be a JSON object", argument),
				 errhint("For example: {\"host\": \"db.example.com\", \"port\": 3306}.")));
	(void) JsonbIteratorNext(&iterator, &value, true);
	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		DefElem    *def;

		if (token == WJB_KEY)
			name = pnstrdup(value.val.string.val, value.val.string.len);
		else if (token == WJB_VALUE && (def = option_from_json(name, &value, argument, allow)))
			options = lappend(options, def);
	}
	return options;
}

bool
options_have_credential(const CkConnector *connector, List *options)
{
	ListCell   *lc;

	foreach(lc, options)
	{
		DefElem    *def = lfirst_node(DefElem, lc);
		const CkOption *option = manifest_find(connector->options, def->defname, CK_ON_USER);

		if (option == NULL)
			option = options_secret_base(connector, def->defname);
		if (option && (option->where & CK_CREDENTIAL) && defGetString(def)[0] != '\0')
			return true;
	}
	return false;
}

/* True where the connector knows credentials at all. */
static bool
connector_has_credentials(const CkConnector *connector)
{
	for (const CkOption *o = connector->options; o->name; o++)
		if (o->where & CK_CREDENTIAL)
			return true;
	return false;
}

/* True where the path is the folder, or lies below it. */
static bool
path_is_below(const char *path, const char *folder)
{
	size_t		length = strlen(folder);

	return strncmp(path, folder, length) == 0 && (path[length] == '/' || path[length] == '\0' || length == 1);
}

/*
 * True for what is never let out, whatever the setting allows: the data directory, and the master key (also the files that
 * stand beside it while it is changed).
 */
static bool
path_is_of_server(const char *path)
{
	const char *key = GetConfigOption("connkit.master_key_file", true, false);
	char		real[PATH_MAX];

	if (realpath(DataDir, real) && (path_is_below(path, real) ||
									strncmp(path, psprintf("%s.connkit.key", real), strlen(real) + 12) == 0))
		return true;
	return key && is_absolute_path(key) && realpath(key, real) && strncmp(path, real, strlen(real)) == 0;
}

/*
 * Makes the path canonical, in real. True where that is a file or folder, and is one that the setting allows or lies below
 * one. What is opened later is the canonical path, so that a link which the user lays after the check leads nowhere; who
 * can replace folders within an allowed one, or lay hard links there, as a user of the operating system, can still have
 * another file opened. Pipes and devices are no files: opening them may wait for ever.
 */
static bool
path_allowed(const char *path, const char *setting, char real[PATH_MAX])
{
	char	   *list = pstrdup(setting ? setting : "");
	List	   *folders;
	ListCell   *lc;
	struct stat status;

	if (!is_absolute_path(path) || realpath(path, real) == NULL || path_is_of_server(real))
		return false;
	if (stat(real, &status) != 0 || !(S_ISREG(status.st_mode) || S_ISDIR(status.st_mode)))
		return false;
	if (!SplitDirectoriesString(list, ',', &folders))
		return false;
	foreach(lc, folders)
	{
		char		folder[PATH_MAX];

		if (realpath((char *) lfirst(lc), folder) && path_is_below(real, folder))
			return true;
	}
	return false;
}

/* Connections that stand were made by the setting's former value. */
void
options_assign_paths(const char *value, void *extra)
{
	session_invalidate_all();
}

/* The option, if it is one that names a file. */
static const CkOption *
option_of_path(const CkConnector *connector, DefElem *def)
{
	const CkOption *option = manifest_find(connector->options, def->defname, CK_ON_SERVER | CK_ON_USER | CK_ON_TABLE);

	return option && option->type == CK_OPT_FILE && !value_is_choice(option, defGetString(def)) ? option : NULL;
}

bool
options_name_paths(const CkConnector *connector, List *options)
{
	ListCell   *lc;

	foreach(lc, options)
		if (option_of_path(connector, lfirst_node(DefElem, lc)))
			return true;
	return false;
}

void
options_check_paths(const CkConnector *connector, List *options)
{
	ListCell   *lc;

	foreach(lc, options)
	{
		DefElem    *def = lfirst_node(DefElem, lc);
		const CkOption *option = option_of_path(connector, def);
		char		real[PATH_MAX];

		if (option == NULL)
			continue;
		if (!path_allowed(defGetString(def), options_allowed_paths, real))
			ereport(ERROR,
					(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
					 errmsg("the file named by option \"%s\" may not be used", option->name),
					 errdetail("It does not exist, or lies outside connkit.allowed_paths."),
					 errhint("Have an administrator add its folder to the setting connkit.allowed_paths.")));
		def->arg = (Node *) makeString(pstrdup(real));
	}
}

void
options_check_writable(const CkConnector *connector, List *options)
{
	ListCell   *lc;

	if (!source_is_file(connector))
		return;
	foreach(lc, options)
	{
		DefElem    *def = lfirst_node(DefElem, lc);
		const CkOption *option = manifest_find(connector->options, def->defname, CK_ON_SERVER);
		char		real[PATH_MAX];

		if (option && option->type == CK_OPT_FILE && !value_is_choice(option, defGetString(def)) &&
			!path_allowed(defGetString(def), options_writable_paths, real))
			ereport(ERROR,
					(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
					 errmsg("the file named by option \"%s\" may not be opened for writing", option->name),
					 errdetail("It lies outside connkit.writable_paths."),
					 errhint("Have an administrator add its folder to the setting connkit.writable_paths, or set the server's "
							 "option updatable to false.")));
	}
}

/* Checks the option <name>_secret of a user mapping: the name of a secret, and not beside the option that it stands for. */
static void
options_check_reference(const CkOption *option, DefElem *def, List *options)
{
	if (defGetString(def)[0] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_FDW_INVALID_STRING_FORMAT),
				 errmsg("invalid value for option \"%s\"", def->defname),
				 errhint("It is the name of a secret: connkit.secret lists yours.")));
	if (options_get(options, option->name) || (option->alias && options_get(options, option->alias)))
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("options \"%s\" and \"%s\" exclude each other", option->name, def->defname)));
}

void
options_check(const CkConnector *connector, List *options, uint32 where)
{
	ListCell   *lc;

	foreach(lc, options)
	{
		DefElem    *def = lfirst_node(DefElem, lc);
		const CkOption *option = options_lookup(connector, def->defname, where);

		if (option == NULL)
		{
			options_check_reference(options_secret_base(connector, def->defname), def, options);
			continue;
		}
		option_store(option, defGetString(def), NULL);
		if (option->alias && strcmp(def->defname, option->alias) == 0 && options_get(options, option->name))
			ereport(ERROR,
					(errcode(ERRCODE_SYNTAX_ERROR),
					 errmsg("options \"%s\" and \"%s\" are the same", option->name, option->alias)));
		if (strcmp(def->defname, "password_required") == 0 && !defGetBoolean(def) && !superuser())
			ereport(ERROR,
					(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
					 errmsg("password_required=false is superuser-only"),
					 errhint("User mappings with the option password_required set to false may only be created or "
							 "modified by the superuser.")));
	}
	if (where == CK_ON_TABLE && options_get(options, "query") && options_get(options, "table_name"))
		ereport(ERROR,
				(errcode(ERRCODE_FDW_INVALID_OPTION_NAME),
				 errmsg("options \"query\" and \"table_name\" exclude each other")));
	if (where == CK_ON_TABLE && options_get(options, "query") && !(connector->caps & CK_REMOTE))
		ereport(ERROR,
				(errcode(ERRCODE_FDW_INVALID_OPTION_NAME),
				 errmsg("connector \"%s\" takes no queries", connector->name)));
	/* what is required and can only stand here must stand here */
	for (const CkOption *o = connector->options; o->name; o++)
		if ((o->where & CK_REQUIRED) && (o->where & (CK_ON_SERVER | CK_ON_USER | CK_ON_TABLE | CK_ON_COLUMN)) == where &&
			options_get(options, o->name) == NULL && (o->alias == NULL || options_get(options, o->alias) == NULL) &&
			!((o->where & CK_SECRET) && options_get(options, psprintf("%s" SECRET_SUFFIX, o->name))))
			ereport(ERROR,
					(errcode(ERRCODE_FDW_OPTION_NAME_NOT_FOUND),
					 errmsg("option \"%s\" is required for a %s of connector \"%s\"", o->name, where_name(where),
							connector->name),
					 errhint("It is: %s.", o->help)));
	if (!superuser())
		options_check_paths(connector, options);
	if (where == CK_ON_USER && !superuser() && connector_has_credentials(connector) &&
		!options_have_credential(connector, options) && options_get(options, "password_required") == NULL)
		ereport(WARNING,
				(errcode(ERRCODE_WARNING),
				 errmsg("the user mapping has no credential; connecting with it will be refused"),
				 errhint("Add the option password.")));
}

void *
options_parse(const CkConnector *connector, List *lists, CommonOptions *common, bool complete)
{
	void	   *parsed = palloc0(Max(connector->options_size, 1));
	CommonOptions scratch;
	ListCell   *outer;

	if (common == NULL)
		common = &scratch;
	memset(common, 0, sizeof(*common));
	for (const CkOption *o = common_options; o->name; o++)
		if (o->initial)
			option_store(o, (char *) o->initial, common);
	for (const CkOption *o = connector->options; o->name; o++)
		if (o->initial)
			option_store(o, (char *) o->initial, parsed);
	foreach(outer, lists)
	{
		ListCell   *lc;

		foreach(lc, (List *) lfirst(outer))
		{
			DefElem    *def = lfirst_node(DefElem, lc);
			const uint32 everywhere = CK_ON_SERVER | CK_ON_USER | CK_ON_TABLE;
			const CkOption *option = manifest_find(common_options, def->defname, everywhere);

			if (option)
				option_store(option, defGetString(def), common);
			else if ((option = manifest_find(connector->options, def->defname, everywhere)))
				option_store(option, pstrdup(defGetString(def)), parsed);
		}
	}
	common->connect_timeout_ms *= 1000;
	common->query_timeout_ms *= 1000;
	for (const CkOption *o = connector->options; complete && o->name; o++)
	{
		char	   *text;

		if (!(o->where & CK_REQUIRED) || o->type == CK_OPT_INTEGER || o->type == CK_OPT_BOOLEAN ||
			!(o->where & (CK_ON_SERVER | CK_ON_USER)))
			continue;
		memcpy(&text, (char *) parsed + o->offset, sizeof(text));
		if (text == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_FDW_OPTION_NAME_NOT_FOUND),
					 errmsg("option \"%s\" is required for connector \"%s\"", o->name, connector->name),
					 errhint("Set it on the %s.", where_name(o->where & CK_ON_SERVER ? CK_ON_SERVER : CK_ON_USER))));
	}
	return parsed;
}

const char *
options_redact(const CkConnector *connector, const void *parsed, const char *text)
{
	for (const CkOption *o = connector->options; o->name; o++)
	{
		char	   *secret;
		const char *found;
		size_t		begin = 0;

		if (!(o->where & CK_SECRET) || o->type == CK_OPT_INTEGER || o->type == CK_OPT_BOOLEAN)
			continue;
		memcpy(&secret, (const char *) parsed + o->offset, sizeof(secret));
		while (secret && strlen(secret) > 2 && (found = strstr(text + begin, secret)))
		{
			begin = found - text + 3;
			text = psprintf("%.*s***%s", (int) (found - text), text, found + strlen(secret));
		}
		/* a text that was cut off may end within one */
		for (size_t part = secret ? Min(strlen(secret), strlen(text)) : 0; part > 2; part--)
		{
			size_t		keep = strlen(text) - part;

			if (strncmp(text + keep, secret, part) == 0)
			{
				text = psprintf("%.*s***", (int) keep, text);
				break;
			}
		}
	}
	return text;
}

void
options_wipe_list(const CkConnector *connector, List *options)
{
	ListCell   *lc;

	foreach(lc, options)
	{
		DefElem    *def = lfirst_node(DefElem, lc);
		const CkOption *option = manifest_find(connector->options, def->defname, CK_ON_USER);

		if (option && (option->where & CK_SECRET) && def->arg && IsA(def->arg, String))
			explicit_bzero(strVal(def->arg), strlen(strVal(def->arg)));
	}
}

void
options_wipe(const CkConnector *connector, void *parsed)
{
	for (const CkOption *o = connector->options; o->name; o++)
	{
		char	   *secret;

		if (!(o->where & CK_SECRET) || o->type == CK_OPT_INTEGER || o->type == CK_OPT_BOOLEAN)
			continue;
		memcpy(&secret, (char *) parsed + o->offset, sizeof(secret));
		if (secret && secret != o->initial)
			explicit_bzero(secret, strlen(secret));
	}
}

void
options_visit(const CkConnector *connector, OptionVisitor visit, void *arg)
{
	for (const CkOption *o = connector->options; o->name; o++)
	{
		CkOption	reference = {.type = CK_OPT_STRING, .where = CK_ON_USER};

		visit(arg, o);
		if (!(o->where & CK_SECRET))
			continue;
		reference.name = psprintf("%s" SECRET_SUFFIX, o->name);
		reference.help = psprintf("name of a secret to take %s from", o->name);
		visit(arg, &reference);
	}
	for (const CkOption *o = common_options; o->name; o++)
		visit(arg, o);
}

PG_FUNCTION_INFO_V1(connkit_validator);

/*
 * Validator of every wrapper: finds its connector by its own SQL name. Returns early for the wrapper's own options, so
 * that CREATE EXTENSION works where a module is absent.
 */
Datum
connkit_validator(PG_FUNCTION_ARGS)
{
	List	   *options = untransformRelOptions(PG_GETARG_DATUM(0));
	Oid			catalog = PG_GETARG_OID(1);
	char	   *name = registry_name_of_function(fcinfo->flinfo->fn_oid, "_validator");
	uint32		where;

	if (catalog == ForeignDataWrapperRelationId)
	{
		char	   *manifest = options_get(options, MANIFEST_OPTION);

		if (list_length(options) > (manifest ? 1 : 0))
			ereport(ERROR,
					(errcode(ERRCODE_FDW_INVALID_OPTION_NAME),
					 errmsg("connkit's foreign-data wrappers take no options but %s", MANIFEST_OPTION),
					 errhint("Set options on servers, user mappings and foreign tables.")));
		if (manifest && name)
			registry_check_manifest(name, manifest);
		PG_RETURN_VOID();
	}
	if (name == NULL)
		elog(ERROR, "connkit_validator is called under a name that is not connkit_<connector>_validator");
	where = catalog == ForeignServerRelationId ? CK_ON_SERVER : catalog == UserMappingRelationId ? CK_ON_USER :
		catalog == ForeignTableRelationId ? CK_ON_TABLE : CK_ON_COLUMN;
	options_check(registry_connector(name, NULL), options, where);
	PG_RETURN_VOID();
}
