/*
 * catalog.c: what the views connkit.connector and connkit.connector_option read: connectors and their manifests.
 */
#include "postgres.h"

#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/tuplestore.h"

#include "compat.h"
#include "options.h"
#include "registry.h"

/* A bit that has a name for people. */
typedef struct Flag
{
	uint32		bit;
	const char *name;
} Flag;

static const Flag capabilities[] = {
	{CK_DISCOVER, "discover"}, {CK_READ, "read"}, {CK_REMOTE, "remote"}, {CK_WRITE, "write"}, {CK_SECRETS, "secrets"}, {0, NULL}
};

static const Flag places[] = {
	{CK_ON_SERVER, "server"}, {CK_ON_USER, "user mapping"}, {CK_ON_TABLE, "table"}, {CK_ON_COLUMN, "column"}, {0, NULL}
};

/* The names of the bits that are set, as text[]. */
static Datum
flag_names(const Flag *flags, uint32 bits)
{
	Datum		names[8];
	int			count = 0;

	for (; flags->name; flags++)
		if (bits & flags->bit)
			names[count++] = CStringGetTextDatum(flags->name);
	return PointerGetDatum(construct_array(names, count, TEXTOID, -1, false, TYPALIGN_INT));
}

/* Texts divided by bars, as text[]. */
static Datum
choice_names(const char *choices)
{
	return DirectFunctionCall2Coll(text_to_array, C_COLLATION_OID, CStringGetTextDatum(choices),
								   CStringGetTextDatum("|"));
}

PG_FUNCTION_INFO_V1(connkit_connector_info);

/*
 * Title, version, capabilities and availability of a connector; what is wrong with it is a value and no error.
 */
Datum
connkit_connector_info(PG_FUNCTION_ARGS)
{
	char	   *reason = NULL;
	const CkConnector *connector = registry_connector(text_to_cstring(PG_GETARG_TEXT_PP(0)), &reason);
	TupleDesc	desc;
	Datum		values[5];
	bool		nulls[5] = {false};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	nulls[0] = nulls[1] = nulls[2] = connector == NULL;
	nulls[4] = connector != NULL;
	values[3] = BoolGetDatum(connector != NULL);
	if (connector)
	{
		values[0] = CStringGetTextDatum(connector->title);
		values[1] = CStringGetTextDatum(connector->version);
		values[2] = flag_names(capabilities, connector->caps);
	}
	else
		values[4] = CStringGetTextDatum(reason);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}

static const char *
type_name(CkOptionType type)
{
	switch (type)
	{
		case CK_OPT_STRING:
			return "text";
		case CK_OPT_INTEGER:
			return "integer";
		case CK_OPT_BOOLEAN:
			return "boolean";
		case CK_OPT_CHOICE:
			return "choice";
		case CK_OPT_FILE:
			return "file";
	}
	return NULL;
}

static void
option_row(void *arg, const CkOption *option)
{
	ReturnSetInfo *rsinfo = arg;
	Datum		values[11];
	bool		nulls[11] = {false};
	bool		ranged = option->type == CK_OPT_INTEGER;

	values[0] = CStringGetTextDatum(option->name);
	values[1] = CStringGetTextDatum(type_name(option->type));
	values[2] = flag_names(places, option->where);
	values[3] = BoolGetDatum((option->where & CK_REQUIRED) != 0);
	values[4] = BoolGetDatum((option->where & CK_SECRET) != 0);
	nulls[5] = option->initial == NULL;
	if (option->initial)
		values[5] = CStringGetTextDatum(option->initial);
	nulls[6] = nulls[7] = !ranged;
	values[6] = Int64GetDatum(option->min);
	values[7] = Int64GetDatum(option->max);
	nulls[8] = option->type != CK_OPT_CHOICE;
	if (option->type == CK_OPT_CHOICE)
		values[8] = choice_names(option->choices);
	nulls[9] = option->alias == NULL;
	if (option->alias)
		values[9] = CStringGetTextDatum(option->alias);
	nulls[10] = option->help == NULL;
	if (option->help)
		values[10] = CStringGetTextDatum(option->help);
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

PG_FUNCTION_INFO_V1(connkit_connector_options);

/*
 * The options that a connector understands, its own and those that all have; none where it is not available.
 */
Datum
connkit_connector_options(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = compat_materialize(fcinfo);
	char	   *reason = NULL;
	const CkConnector *connector = registry_connector(text_to_cstring(PG_GETARG_TEXT_PP(0)), &reason);

	if (connector)
		options_visit(connector, option_row, rsinfo);
	return (Datum) 0;
}

static void
rule_row(ReturnSetInfo *rsinfo, const CkSqlRule *rule, int number, bool overrides)
{
	static const char *const fidelities[] = {[CK_EXACT] = "exact", [CK_FILTER] = "filter", [CK_SUPERSET] = "superset"};
	static const char *const collations[] = {[CK_NO_LOCALE] = NULL, [CK_ANY_LOCALE] = "deterministic", [CK_C_LOCALE] = "C"};
	Datum		values[8];
	bool		nulls[8] = {false};

	values[0] = Int32GetDatum(number);
	values[1] = CStringGetTextDatum(rule->what);
	values[2] = CStringGetTextDatum(rule->args);
	nulls[3] = rule->remote == NULL;
	if (rule->remote)
		values[3] = CStringGetTextDatum(rule->remote);
	values[4] = CStringGetTextDatum(fidelities[rule->fidelity]);
	nulls[5] = collations[rule->locale] == NULL;
	if (!nulls[5])
		values[5] = CStringGetTextDatum(collations[rule->locale]);
	nulls[6] = rule->reason == NULL;
	if (rule->reason)
		values[6] = CStringGetTextDatum(rule->reason);
	values[7] = BoolGetDatum(overrides);
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

PG_FUNCTION_INFO_V1(connkit_connector_rules);

/*
 * What a connector may send, with the default options of a server; none where it sends nothing or is not available.
 */
Datum
connkit_connector_rules(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = compat_materialize(fcinfo);
	char	   *reason = NULL;
	const CkConnector *connector = registry_connector(text_to_cstring(PG_GETARG_TEXT_PP(0)), &reason);
	const CkSql *sql = connector && (connector->caps & CK_REMOTE) ? connector->sql : NULL;
	CommonOptions common;
	int			number = 0;

	if (sql == NULL)
		return (Datum) 0;
	if (connector->dialect)
		sql = connector->dialect(connector, options_parse(connector, NIL, &common, false), NULL, NULL);
	for (const CkSqlRule *rule = sql->overrides; rule && rule->what; rule++)
		rule_row(rsinfo, rule, ++number, true);
	for (const CkSqlRule *rule = sql->rules; rule->what; rule++)
		rule_row(rsinfo, rule, ++number, false);
	return (Datum) 0;
}
