/*
 * key_estimate.c: lets the planner know that who refers to a foreign table's whole key finds one row.
 *
 * Of a local table a foreign key says so. Without one, the conditions on several columns of a key are taken for independent, and
 * a join by them for one that hardly yields a row.
 */
#include "postgres.h"

#include "optimizer/paths.h"
#include "utils/typcache.h"

#include "fdw.h"

/* A column of another table, of that number if it is not 0, that the query equates with the key's; NULL for none. */
static Var *
referring_column(EquivalenceClass *class, Index varno, AttrNumber attnum, Index from)
{
	bool		found = false;
	Var		   *column = NULL;
	ListCell   *lc;

	foreach(lc, class->ec_members)
	{
		Var		   *var = (Var *) lfirst_node(EquivalenceMember, lc)->em_expr;

		if (lfirst_node(EquivalenceMember, lc)->em_is_child || !IsA(var, Var))
			continue;
		if (var->varno == varno)
			found |= var->varattno == attnum;
		else if (column == NULL && var->varattno > 0 && (from == 0 || var->varno == from))
			column = var;
	}
	return found ? column : NULL;
}

/* Finds what a column of a key is equated with in a table. */
static Var *
find_reference(PlannerInfo *root, Index varno, AttrNumber attnum, Index from)
{
	ListCell   *lc;

	foreach(lc, root->eq_classes)
	{
		EquivalenceClass *class = lfirst(lc);
		Var		   *column;

		if (class->ec_merged || class->ec_has_volatile || !bms_is_member(varno, class->ec_relids))
			continue;
		column = referring_column(class, varno, attnum, from);
		if (column)
			return column;
	}
	return NULL;
}

/* Notes a foreign key from a table, if all columns of the key are equated with columns of it. */
static void
add_reference(PlannerInfo *root, RelOptInfo *rel, List *keys, Index from)
{
	ForeignKeyOptInfo *reference = makeNode(ForeignKeyOptInfo);
	ListCell   *lc;

	reference->con_relid = from;
	reference->ref_relid = rel->relid;
	foreach(lc, keys)
	{
		int			column = reference->nkeys++;
		Var		   *var = find_reference(root, rel->relid, (AttrNumber) lfirst_int(lc), from);

		if (var == NULL)
			return;
		reference->conkey[column] = var->varattno;
		reference->confkey[column] = (AttrNumber) lfirst_int(lc);
		reference->conpfeqop[column] = lookup_type_cache(var->vartype, TYPECACHE_EQ_OPR)->eq_opr;
		reference->eclass[column] = match_eclasses_to_foreign_key_col(root, reference, column);
		if (reference->eclass[column] == NULL)
			return;
		reference->nmatched_ec++;
		if (reference->eclass[column]->ec_has_const)
			reference->nconst_ec++;
	}
	root->fkey_list = lappend(root->fkey_list, reference);
}

void
fdw_note_references(PlannerInfo *root, RelOptInfo *rel, List *keys)
{
	/* of one column the statistics tell as much */
	if (rel->reloptkind != RELOPT_BASEREL || list_length(keys) < 2 || list_length(keys) > INDEX_MAX_KEYS)
		return;
	for (int from = 1; from < root->simple_rel_array_size; from++)
		if (from != rel->relid && root->simple_rel_array[from] &&
			root->simple_rel_array[from]->reloptkind == RELOPT_BASEREL)
			add_reference(root, rel, keys, (Index) from);
}
