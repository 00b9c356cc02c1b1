/*
 * definition_check.c: what a sync's definition may say: each setting by itself, and all together.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "foreign/foreign.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "parser/parse_type.h"
#include "parser/parser.h"
#include "parser/scansup.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/varlena.h"

#include "compat.h"
#include "definition.h"
#include "options.h"
#include "registry.h"
#include "scan.h"

typedef enum Kind
{
	KIND_TEXT,
	KIND_VALUE,					/* text, or a number */
	KIND_SPAN,					/* number or interval */
	KIND_NAME,
	KIND_BOOL,
	KIND_COUNT,
	KIND_WORD,
	KIND_LIST,
	KIND_MAPPING,
	KIND_POLICY,
	KIND_CONDITION,
	KIND_COLUMNS,
	KIND_PATH,
	KIND_TABLE,					/* of the source: columns schema_name and table_name */
	KIND_TARGET					/* columns target_schema and target_table */
} Kind;

/* What a value is, for hints. */
static const char *const kinds[] = {
	[KIND_TEXT] = "text that is not empty",
	[KIND_VALUE] = "a value of the cursor column: text or a number",
	[KIND_SPAN] = "an interval (\"2 hours\") for a cursor that is a time or date, else a number; not negative",
	[KIND_NAME] = "a name of at most 63 bytes",
	[KIND_BOOL] = "true or false",
	[KIND_COUNT] = "a whole number, 0 or more",
	[KIND_LIST] = "an array of names of columns, none of them twice",
	[KIND_MAPPING] = "an object that has an expression for each column of the target that it names, or null to leave out that "
	"column of the source: {\"total\": \"net + tax\", \"note\": null}",
	[KIND_POLICY] = "an object: {\"added\": \"discard_column\", \"retyped\": \"freeze\"}",
	[KIND_CONDITION] = "one SQL condition over the columns of the source: \"status <> 'draft'\"",
	[KIND_COLUMNS] = "a list of names and types: \"id bigint, name text\"",
	[KIND_PATH] = "a list of schemas as SET search_path takes it",
	[KIND_TABLE] = "a table of the source: \"table\" or \"schema.table\"; a name with a dot stands in double quotes",
	[KIND_TARGET] = "a table of this database by the rules of SQL: \"table\" or \"schema.table\""
};

typedef struct Setting
{
	const char *name;
	Kind		kind;
	uint32		where;			/* DEFINITION_* */
	const char *const *words;	/* of KIND_WORD */
} Setting;

#define ANYWHERE (DEFINITION_CREATE | DEFINITION_ALL | DEFINITION_OVERRIDE | DEFINITION_ALTER)
#define ARGUMENT (DEFINITION_ARGUMENT | DEFINITION_ALTER)

static const Setting settings[] = {
	{"table_name", KIND_TABLE, ARGUMENT},
	{"query", KIND_TEXT, ARGUMENT},
	{"query_columns", KIND_COLUMNS, ARGUMENT},
	{"target", KIND_TARGET, ARGUMENT | DEFINITION_OVERRIDE},
	{"mode", KIND_WORD, ARGUMENT | DEFINITION_OVERRIDE, sync_modes},
	{"write", KIND_WORD, ARGUMENT | DEFINITION_OVERRIDE | DEFINITION_ALL, sync_writes},
	{"cursor_column", KIND_TEXT, ARGUMENT | DEFINITION_OVERRIDE | DEFINITION_ALL},
	{"key_columns", KIND_LIST, ARGUMENT | DEFINITION_OVERRIDE | DEFINITION_ALL},
	{"initial_value", KIND_VALUE, ANYWHERE},
	{"lookback", KIND_SPAN, ANYWHERE},
	{"half_open", KIND_BOOL, ANYWHERE},
	{"columns", KIND_LIST, ANYWHERE},
	{"mapping", KIND_MAPPING, ANYWHERE},
	{"filter", KIND_CONDITION, ANYWHERE},
	{"deletes", KIND_WORD, ANYWHERE, sync_delete_kinds},
	{"deleted_column", KIND_NAME, ANYWHERE},
	{"policy", KIND_POLICY, ANYWHERE},
	{"max_rejected", KIND_COUNT, ANYWHERE},
	{"keep_rejected", KIND_COUNT, ANYWHERE},
	{"chunk_rows", KIND_COUNT, ANYWHERE},
	{"resumable", KIND_BOOL, ANYWHERE},
	{"replace_rows", KIND_BOOL, ANYWHERE},
	{"create_indexes", KIND_BOOL, ANYWHERE},
	{"search_path", KIND_PATH, ANYWHERE},
	{"paused", KIND_BOOL, ANYWHERE},
	{"webhook", KIND_BOOL, ANYWHERE}
};

/* Values of columns that are not NULL where nothing is said. */
static const char *const defaults =
	"{\"mode\": \"full_refresh\", \"half_open\": false, \"deletes\": \"ignore\", \"deleted_column\": \"deleted_at\","
	" \"policy\": {}, \"max_rejected\": 0, \"keep_rejected\": 10000, \"chunk_rows\": 1000000, \"resumable\": false,"
	" \"replace_rows\": false, \"create_indexes\": false, \"paused\": false, \"webhook\": false}";

Jsonb *
definition_defaults(void)
{
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(defaults)));
}

/* "ignore, soft or hard" */
static char *
word_list(const char *const *words)
{
	StringInfoData text;

	initStringInfo(&text);
	for (int i = 0; words[i]; i++)
		appendStringInfo(&text, "%s%s", i == 0 ? "" : words[i + 1] ? ", " : " or ", words[i]);
	return text.data;
}

COMPAT_NORETURN static void
wrong_value(const Setting *setting)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("\"%s\" of a sync does not take that value", setting->name),
			 errhint("It is %s.", setting->kind == KIND_WORD ? word_list(setting->words) : kinds[setting->kind])));
}

/* The setting of that name; ERROR where there is none, or it is not given there. */
static const Setting *
find_setting(const char *name, uint32 where)
{
	const Setting *nearest = NULL;
	int			distance = 4;

	for (int i = 0; i < lengthof(settings); i++)
	{
		int			d = varstr_levenshtein_less_equal(name, Min(strlen(name), 255), settings[i].name,
													  strlen(settings[i].name), 1, 1, 1, distance, true);

		if (d == 0 && (settings[i].where & where))
			return &settings[i];
		if (d == 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("\"%s\" is not given among these settings of a sync", name),
					 errhint("It is an argument of connkit_create_sync(), and changed with connkit_alter_sync().")));
		if ((settings[i].where & where) && d < distance && d < (int) strlen(name))
		{
			nearest = &settings[i];
			distance = d;
		}
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("a sync has no setting \"%s\"", name),
			 nearest ? errhint("Did you mean \"%s\"?", nearest->name) :
			 errhint("Settings are columns of connkit.sync, whose comments tell what they mean.")));
}

/* The setting in whose text a parser met an error. */
typedef struct Text
{
	const Setting *setting;
	const char *text;
} Text;

/* An error's place is one in the setting and not in the statement. */
static void
explain_text(void *arg)
{
	const Text *text = arg;
	int			position = geterrposition();

	if (position > 0)
	{
		errposition(0);
		internalerrposition(position);
		internalerrquery(text->text);
	}
	errhint("\"%s\" of a sync is %s.", text->setting->name, kinds[text->setting->kind]);
}

/* The statement's parse tree if it is one of that type; else NULL. ERROR for what does not parse. */
static Node *
parse_one(const Setting *setting, const char *statement, NodeTag tag)
{
	Text		text = {setting, statement};
	ErrorContextCallback explain = {.callback = explain_text, .arg = &text, .previous = error_context_stack};
	List	   *statements;

	error_context_stack = &explain;
	statements = raw_parser(statement, RAW_PARSE_DEFAULT);
	error_context_stack = explain.previous;
	if (list_length(statements) != 1 || nodeTag(linitial_node(RawStmt, statements)->stmt) != tag)
		return NULL;
	return linitial_node(RawStmt, statements)->stmt;
}

/* Whether the statement selects one expression and nothing more. */
static bool
selects_one(const Setting *setting, const char *statement)
{
	SelectStmt *select = (SelectStmt *) parse_one(setting, statement, T_SelectStmt);

	return select && select->op == SETOP_NONE && list_length(select->targetList) == 1 &&
		linitial_node(ResTarget, select->targetList)->name == NULL && select->distinctClause == NIL &&
		select->intoClause == NULL && select->fromClause == NIL && select->whereClause == NULL &&
		select->groupClause == NIL && select->havingClause == NULL && select->windowClause == NIL &&
		select->sortClause == NIL && select->limitCount == NULL && select->limitOffset == NULL &&
		select->lockingClause == NIL;
}

/* ERROR unless the text is one expression, by itself and in parentheses. */
static void
check_expression(const Setting *setting, const char *text)
{
	if (!selects_one(setting, psprintf("SELECT %s", text)) || !selects_one(setting, psprintf("SELECT (%s\n)", text)))
		wrong_value(setting);
}

/* ERROR unless the text is a list of columns of types that there are. */
static void
check_columns(const Setting *setting, const char *text)
{
	char	   *statement = psprintf("CREATE TABLE t (%s)", text);
	CreateStmt *create = (CreateStmt *) parse_one(setting, statement, T_CreateStmt);
	Text		place = {setting, statement};
	ErrorContextCallback explain = {.callback = explain_text, .arg = &place, .previous = error_context_stack};
	ListCell   *lc;

	if (create == NULL || create->tableElts == NIL || create->options != NIL || create->inhRelations != NIL ||
		create->partspec)
		wrong_value(setting);
	error_context_stack = &explain;
	foreach(lc, create->tableElts)
	{
		ColumnDef  *column = lfirst(lc);
		ListCell   *constraint;

		if (!IsA(column, ColumnDef))
			wrong_value(setting);
		foreach(constraint, column->constraints)
			if (lfirst_node(Constraint, constraint)->contype != CONSTR_NOTNULL)
				wrong_value(setting);
		(void) typenameTypeId(NULL, column->typeName);
	}
	error_context_stack = explain.previous;
}

/* ERROR unless the text is a number or an interval, not negative. */
static void
check_span(const Setting *setting, const char *text)
{
	Text		place = {setting, text};
	ErrorContextCallback explain = {.callback = explain_text, .arg = &place, .previous = error_context_stack};
	char	   *end;
	double		number = strtod(text, &end);
	Interval	none = {0};
	Datum		span;

	if (end != text && *end == '\0')
	{
		if (!(number >= 0) || isinf(number))
			wrong_value(setting);
		return;
	}
	error_context_stack = &explain;
	span = DirectFunctionCall3(interval_in, CStringGetDatum(text), ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));
	error_context_stack = explain.previous;
	if (DatumGetBool(DirectFunctionCall2(interval_lt, span, IntervalPGetDatum(&none))))
		wrong_value(setting);
}

static char *
value_text(const JsonbValue *value)
{
	return pnstrdup(value->val.string.val, value->val.string.len);
}

static bool
is_container(const JsonbValue *value, bool array)
{
	return value->type == jbvBinary && (array ? JsonContainerIsArray(value->val.binary.data) :
										JsonContainerIsObject(value->val.binary.data));
}

static void
check_list(const Setting *setting, JsonbValue *value)
{
	List	   *names = NIL;
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue	item;

	if (!is_container(value, true))
		wrong_value(setting);
	iterator = JsonbIteratorInit(value->val.binary.data);
	while ((token = JsonbIteratorNext(&iterator, &item, true)) != WJB_DONE)
	{
		if (token != WJB_ELEM)
			continue;
		if (item.type != jbvString || item.val.string.len == 0 || list_member(names, makeString(value_text(&item))))
			wrong_value(setting);
		names = lappend(names, makeString(value_text(&item)));
	}
	if (names == NIL)
		wrong_value(setting);
}

/* Of a mapping or a policy. */
static void
check_member(const Setting *setting, const char *name, const JsonbValue *value)
{
	bool		text = value->type == jbvString && value->val.string.len > 0;

	if (setting->kind == KIND_MAPPING)
	{
		if (name[0] == '\0' || strlen(name) >= NAMEDATALEN || !(text || value->type == jbvNull))
			wrong_value(setting);
	}
	else if (sync_word(sync_changes, name) < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a policy is for no such change as \"%s\"", name),
				 errhint("Changes are %s.", word_list(sync_changes))));
	else if (!text || sync_word(sync_policies, value_text(value)) < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("there is no such policy for the change \"%s\"", name),
				 errhint("It is %s.", word_list(sync_policies))));
}

static void
check_members(const Setting *setting, JsonbValue *value)
{
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue	item;
	char	   *name = NULL;

	if (!is_container(value, false))
		wrong_value(setting);
	iterator = JsonbIteratorInit(value->val.binary.data);
	while ((token = JsonbIteratorNext(&iterator, &item, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			name = value_text(&item);
		else if (token == WJB_VALUE)
			check_member(setting, name, &item);
	}
}

/*
 * The next part of a dotted name; *rest is behind the dot, or NULL at the end. Without double quotes it is taken as it is
 * written, for sources tell upper from lower case. NULL where that is no name.
 */
static char *
name_part(const char *text, const char **rest)
{
	StringInfoData part;
	bool		quoted;

	initStringInfo(&part);
	while (scanner_isspace(*text))
		text++;
	quoted = *text == '"';
	if (quoted)
	{
		/* a double quote within stands twice */
		for (text++; text[0] && (text[0] != '"' || text[1] == '"'); text += text[0] == '"' ? 2 : 1)
			appendStringInfoChar(&part, *text);
		if (*text++ != '"')
			return NULL;
		while (scanner_isspace(*text))
			text++;
	}
	else
		while (*text && *text != '.' && *text != '"')
			appendStringInfoChar(&part, *text++);
	while (!quoted && part.len > 0 && scanner_isspace(part.data[part.len - 1]))
		part.data[--part.len] = '\0';
	*rest = *text == '.' ? text + 1 : NULL;
	return part.len > 0 && (*text == '\0' || *text == '.') ? part.data : NULL;
}

/* Adds the columns of a table of the source. */
static Jsonb *
take_table(Jsonb *row, const Setting *setting, const char *text)
{
	const char *rest;
	char	   *table = name_part(text, &rest);
	char	   *schema = NULL;

	if (table && rest)
	{
		schema = table;
		table = name_part(rest, &rest);
	}
	if (table == NULL || rest)
		wrong_value(setting);
	return definition_with(definition_with(row, "schema_name", schema), "table_name", table);
}

/* Adds the columns of a table of this database. */
static Jsonb *
take_target(Jsonb *row, const Setting *setting, const char *text)
{
	Text		place = {setting, text};
	ErrorContextCallback explain = {.callback = explain_text, .arg = &place, .previous = error_context_stack};
	List	   *names;
	char	   *schema;

	error_context_stack = &explain;
	names = textToQualifiedNameList(cstring_to_text(text));
	error_context_stack = explain.previous;
	if (list_length(names) > 2)
		wrong_value(setting);
	schema = list_length(names) == 2 ? strVal(linitial(names)) : NULL;
	return definition_with(definition_with(row, "target_schema", schema), "target_table", strVal(llast(names)));
}

/* Adds what the setting says; ERROR where it cannot say so. */
static Jsonb *
take_setting(Jsonb *row, const Setting *setting, JsonbValue *value)
{
	char	   *text = value->type == jbvString ? value_text(value) :
		value->type == jbvNumeric ? numeric_normalize(value->val.numeric) : NULL;
	bool		word = value->type == jbvString && text[0] != '\0';
	List	   *schemas;

	switch (setting->kind)
	{
		case KIND_TABLE:
		case KIND_TARGET:
			if (!word)
				wrong_value(setting);
			return (setting->kind == KIND_TABLE ? take_table : take_target) (row, setting, text);
		case KIND_LIST:
			check_list(setting, value);
			break;
		case KIND_MAPPING:
		case KIND_POLICY:
			check_members(setting, value);
			break;
		case KIND_BOOL:
			if (value->type != jbvBool)
				wrong_value(setting);
			break;
		case KIND_COUNT:
			if (value->type != jbvNumeric || strspn(text, "0123456789") != strlen(text) || strlen(text) > 18)
				wrong_value(setting);
			break;
		case KIND_VALUE:
		case KIND_SPAN:
			if (!word && value->type != jbvNumeric)
				wrong_value(setting);
			if (setting->kind == KIND_SPAN)
				check_span(setting, text);
			return definition_with(row, setting->name, text);
		default:
			if (!word || (setting->kind == KIND_WORD && sync_word(setting->words, text) < 0) ||
				(setting->kind == KIND_NAME && strlen(text) >= NAMEDATALEN))
				wrong_value(setting);
			if (setting->kind == KIND_CONDITION)
				check_expression(setting, text);
			if (setting->kind == KIND_COLUMNS)
				check_columns(setting, text);
			if (setting->kind == KIND_PATH && !SplitIdentifierString(pstrdup(text), ',', &schemas))
				wrong_value(setting);
	}
	return definition_with_value(row, setting->name, value);
}

/* Gives the setting its default. */
static Jsonb *
take_default(Jsonb *row, const Setting *setting)
{
	JsonbValue	value;
	JsonbValue	none = {.type = jbvNull};

	if (setting->kind == KIND_TABLE)
		return definition_with(definition_with(row, "schema_name", NULL), "table_name", NULL);
	if (setting->kind == KIND_TARGET)
		return definition_with(definition_with(row, "target_schema", NULL), "target_table", NULL);
	if (getKeyJsonValueFromContainer(&definition_defaults()->root, setting->name, strlen(setting->name), &value))
		return definition_with_value(row, setting->name, &value);
	return definition_with_value(row, setting->name, &none);
}

Jsonb *
definition_take(Jsonb *row, Jsonb *given, uint32 where)
{
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue	value;
	const Setting *setting = NULL;

	if (!JB_ROOT_IS_OBJECT(given))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("settings of a sync are a JSON object"),
				 errhint("For example: {\"lookback\": \"1 hour\", \"max_rejected\": 100}")));
	iterator = JsonbIteratorInit(&given->root);
	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			setting = find_setting(value_text(&value), where);
		else if (token == WJB_VALUE)
			row = value.type == jbvNull ? take_default(row, setting) : take_setting(row, setting, &value);
	}
	return row;
}

static void
refuse(bool wrong, const char *message, const char *hint)
{
	if (wrong)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s", message),
				 errhint("%s", hint)));
}

/* Mode and write, cursor and key. */
static void
check_mode(const Sync *sync)
{
	bool		cursor = sync->cursor_column != NULL;
	bool		full = sync->mode == SYNC_FULL_REFRESH;

	refuse(full && sync->write == SYNC_UPSERT, "a full_refresh does not merge",
		   "The mode merge reads all rows and merges them by key.");
	refuse(!full && sync->write == SYNC_REPLACE, "only a full_refresh replaces what is in the target",
		   "Leave out write, or take the mode full_refresh.");
	refuse((sync->mode == SYNC_MERGE || sync->mode == SYNC_HISTORY) && sync->write != SYNC_UPSERT,
		   "the modes merge and history write by key", "Leave out write, or set it to merge.");
	refuse(sync->mode == SYNC_INCREMENTAL && !cursor, "an incremental sync needs a cursor_column",
		   "Name a column that grows with every change, such as a time of the last change or a serial number.");
	refuse(cursor && (full || sync->mode == SYNC_MERGE), "a cursor_column is of no use where all rows are read",
		   "Take the mode incremental or history, or leave it out.");
	refuse(!cursor && (sync->lookback || sync->half_open || sync->initial_value),
		   "initial_value, lookback and half_open are nothing without a cursor_column",
		   "Name the cursor_column, or leave them out.");
	refuse(sync->query && sync->write == SYNC_UPSERT && sync->key_columns == NIL, "a query is merged by key_columns only",
		   "A query has no key of its own: say which of its columns tell one row from another.");
}

void
definition_check(const Sync *sync)
{
	ListCell   *lc;

	refuse(sync->query && sync->table_name, "a sync reads a table or a query, not both", "Leave out one of them.");
	refuse(!sync->query && !sync->table_name, "a sync reads a table or a query", "Name the table, or give a query.");
	refuse(sync->query && !sync->query_columns, "a query needs query_columns",
		   "Say which columns it returns: \"id bigint, name text\".");
	refuse(!sync->query && sync->query_columns, "query_columns are nothing without a query",
		   "What a table has is asked of the source.");
	check_mode(sync);
	refuse(sync->deletes != SYNC_DELETES_IGNORE && sync->write != SYNC_UPSERT,
		   "deleted rows are found only where rows are merged by key", "Set write to merge, or leave deletes out.");
	refuse(sync->deletes != SYNC_DELETES_SOFT && strcmp(sync->deleted_column, "deleted_at") != 0,
		   "a deleted_column is used only where deletes is soft", "Set deletes to soft, or leave it out.");
	refuse(sync->replace_rows && sync->write != SYNC_REPLACE, "replace_rows is of use only where write is replace",
		   "Leave it out.");
	refuse(sync->resumable && sync->cursor_column, "resumable is of no use with a cursor_column",
		   "Leave it out: such runs go on from their position.");
	refuse(sync->resumable && sync->chunk_rows == 0, "a resumable sync reads its rows in parts",
		   "Set chunk_rows to the number of rows of a part.");
	refuse(sync->resumable && sync->query && sync->key_columns == NIL, "a query is read in parts by key_columns only",
		   "A query has no key of its own: say which of its columns tell one row from another.");
	refuse(sync->create_indexes && sync->query, "the indexes of a query are not known",
		   "Leave out create_indexes, and make indexes on the target yourself.");
	if (sync->take_columns != NIL && sync->mapping == NULL)
		foreach(lc, sync->key_columns)
		{
			ListCell   *taken;
			bool		found = false;

			foreach(taken, sync->take_columns)
				found |= strcmp(lfirst(taken), lfirst(lc)) == 0;
			refuse(!found, psprintf("key column \"%s\" is not among the columns that are taken", (char *) lfirst(lc)),
				   "Add it to columns, or leave columns out.");
		}
	refuse(sync->webhook && (sync->query || sync->write == SYNC_APPEND),
		   "messages to a webhook are merged by key, into a table's copy",
		   "Read a table, and do not append; or leave webhook out.");
	if (sync->webhook && OidIsValid(sync->serverid))
		scan_receive(sync->serverid, GetUserId(), sync->schema_name, sync->table_name, NULL);
	if (sync->query && OidIsValid(sync->serverid))
		options_check(registry_connector_of_server(sync->serverid),
					  list_make1(makeDefElem("query", (Node *) makeString(sync->query), -1)), CK_ON_TABLE);
}
