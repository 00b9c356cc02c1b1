/*
 * change.c: options of an object on their way from what they are to what a call wants.
 */
#include "postgres.h"

#include "nodes/makefuncs.h"
#include "utils/builtins.h"

#include "source.h"

void
change_append(StringInfo statement, List *options, bool actions)
{
	const char *separator = " OPTIONS (";
	ListCell   *lc;

	foreach(lc, options)
	{
		DefElem    *def = lfirst_node(DefElem, lc);

		appendStringInfoString(statement, separator);
		if (actions)
			appendStringInfoString(statement, def->defaction == DEFELEM_DROP ? "DROP " :
								   def->defaction == DEFELEM_SET ? "SET " : "ADD ");
		appendStringInfoString(statement, quote_identifier(def->defname));
		if (def->defaction != DEFELEM_DROP)
			appendStringInfo(statement, " %s", quote_literal_cstr(strVal(def->arg)));
		separator = ", ";
	}
	if (options != NIL)
		appendStringInfoChar(statement, ')');
}

DefElem *
change_find(List *options, const CkOption *option, const char *name)
{
	ListCell   *lc;

	foreach(lc, options)
	{
		DefElem    *def = lfirst_node(DefElem, lc);

		if (strcmp(def->defname, name) == 0 || (option && (strcmp(def->defname, option->name) == 0 ||
														   (option->alias && strcmp(def->defname, option->alias) == 0))))
			return def;
	}
	return NULL;
}

static void
change_step(Change *change, const char *name, const char *value, DefElemAction action)
{
	DefElem    *def = makeDefElem(pstrdup(name), value ? (Node *) makeString(pstrdup(value)) : NULL, -1);
	DefElem    *old = change_find(change->options, NULL, name);

	def->defaction = action;
	change->steps = lappend(change->steps, def);
	change->options = list_copy(change->options);
	if (old)
		change->options = list_delete_ptr(change->options, old);
	if (action != DEFELEM_DROP)
		change->options = lappend(change->options, def);
}

void
change_option(Change *change, const CkOption *option, const char *name, const char *value)
{
	DefElem    *old = change_find(change->options, option, name);

	if (value && old && strcmp(old->defname, name) == 0)
		change_step(change, name, value, DEFELEM_SET);
	else
	{
		if (old)
			change_step(change, old->defname, NULL, DEFELEM_DROP);
		if (value)
			change_step(change, name, value, DEFELEM_ADD);
	}
}
