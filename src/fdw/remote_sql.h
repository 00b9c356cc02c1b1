/*
 * remote_sql.h: SQL for a source, in its dialect.
 */
#ifndef CONNKIT_REMOTE_SQL_H
#define CONNKIT_REMOTE_SQL_H

#include "postgres.h"
#include "lib/stringinfo.h"
#include "nodes/pathnodes.h"

#include "remote_table.h"

/* SQL under construction. */
typedef struct RemoteSql
{
	const CkSql *dialect;
	PlannerInfo *root;
	Relids		relids;			/* of the foreign tables that are asked; what holds none of their columns is an argument */
	Relids		visible;		/* those of them whose columns the rows have: not what semi and anti joins only look into */
	bool		qualified;		/* columns are written with the aliases of their tables */
	Index		derived;		/* the derived table that this is the request of, whose columns all have names; or 0 */
	StringInfo	text;
	List	   *params;			/* expressions whose values travel as arguments */
	List	   *places;			/* IntList: for each placeholder the 1-based index in params */
	int			keys;			/* 1-based index in params of the list of keys, 0 none */
	bool		superset;		/* a rule was used that lets through too much */
	bool		raises;			/* one that is an error for some values */
	bool		parameters;		/* a placeholder was written */
	bool		unsure;			/* for a value that is not known yet, and that the source may not take */
	int			depth;			/* of the condition that is being written, within others */
	bool		within;			/* the order of an aggregate is being written */
	bool		summed;			/* what is being written is added up, so it may have all the digits that the source has */
	const char *over;			/* the window of the function that is being written, or NULL */
	struct GroupPlan *group;	/* what is written stands above this grouping, NULL none */
	const char *collation;		/* that text columns are written with, where their own would conflict, or NULL */

	/* of a sub-select */
	struct RemoteSql *outer;	/* the query around, NULL none */
	struct SubPlan *subplan;	/* whose parameters are values of that one */
	Index		aliases;		/* what is added to a table's place in the range table to be its alias */
	bool		failed;			/* a condition could not be written */
} RemoteSql;

/* What becomes of the answer to a condition, and so how faithful it has to be. */
typedef enum Place
{
	PLACE_VALUE,				/* it is a value: true, false or NULL */
	PLACE_TEST,					/* it decides something, for which NULL is as good as false */
	PLACE_FILTER				/* it filters rows that are checked again: more may pass */
} Place;

/* How faithfully the source answers a condition. */
typedef enum Pushed
{
	PUSHED_NOT,
	PUSHED_SUPERSET,
	PUSHED_EXACT
} Pushed;
extern Pushed remote_judge(PlannerInfo *root, Relids relids, const CkSql *dialect, Expr *condition);
/* True for a condition of a table that the source might compute, and fail on, for other rows where it joins the table. */
extern bool remote_may_raise(PlannerInfo *root, Relids relids, const CkSql *dialect, Expr *condition);

/* Appends a condition that remote_judge() let through; in a sub-select, where it was for other values, it may be found unfit. */
extern void remote_condition(RemoteSql *sql, Expr *condition);

/*
 * A condition "key = one of a list that is known when the scan runs", for joins that check their conditions again. In
 * the dialects that have no arrays the text holds a piece between LIST_BEGIN and LIST_END that is to be repeated for
 * each key: behind LIST_BEGIN stands ',' or '|' for what divides the repetitions, a comma or OR.
 */
#define LIST_BEGIN	'\001'
#define LIST_END	'\002'
extern Pushed remote_judge_list(PlannerInfo *root, Relids relids, const CkSql *dialect, Expr *key, Oid operator,
								Oid key_type, Oid collation);
extern void remote_list_condition(RemoteSql *sql, Expr *key, Oid operator, Oid key_type, Oid collation);
/* The text with each piece repeated count times. */
extern char *remote_expand_list(const char *text, int count);
/* The text as EXPLAIN shows it. */
extern char *remote_show_list(const char *text);

/* Appends ORDER BY for the path keys; false where one of them cannot be sent. */
extern bool remote_order(RemoteSql *sql, List *pathkeys);
/* Appends one sort key that orders by the operators of the family. */
extern bool remote_sort_key(RemoteSql *sql, Expr *expr, Oid family, Oid collation, bool descends, bool nulls_first);
/* Appends what such a key sorts by. */
extern bool remote_sort_value(RemoteSql *sql, Expr *expr, Oid collation);

/* Appends a placeholder for the value of an expression. */
extern void remote_placeholder(RemoteSql *sql, Expr *value);

/* Grouping, in remote_aggregate.c. */
typedef struct GroupPlan
{
	List	   *keys;			/* expressions that are grouped by; or all columns, if nested */
	bool		nested;			/* what stands above sees them as columns, by their names */
	List	   *columns;		/* TargetEntries: the keys first, then aggregates, then what the last two lists speak of */
	List	   *sets;			/* IntLists: numbers of the keys of each grouping set; NIL: one of all keys */
	List	   *places;			/* IntList: for each column of the request, its number in columns */
	List	   *quotients;		/* IntList: numbers of columns, in fours: an average or a sum that is made here of a sum, a count
								 * (0 for a sum), and the number of digits behind its point (0: the source tells them right) */
} GroupPlan;

/* Adds an aggregate, or GROUPING(), to the columns. False where the source does not give PostgreSQL's answer. */
extern bool remote_group_add(RemoteSql *sql, GroupPlan *group, Node *node);
/* Adds to places what is to be read for one of the columns, and what of it is divided here. */
extern void remote_group_place(GroupPlan *group, const CkSql *dialect, int column);
/* Appends one column of the request. */
extern bool remote_group_column(RemoteSql *sql, GroupPlan *group, int column);
/* Appends the list behind SELECT. */
extern bool remote_group_list(RemoteSql *sql, GroupPlan *group);
/* Appends GROUP BY, if there are keys. */
extern bool remote_group_by(RemoteSql *sql, GroupPlan *group);
/* Appends the name that a column of the request has, where it has one: unlike those of derived tables within, and such as
 * hardly a column of the source has. */
extern void remote_column_alias(RemoteSql *sql, int number);
/* Appends a key, an aggregate or GROUPING(), above the grouping. */
extern bool remote_grouped(RemoteSql *sql, Node *node);
/* Appends what the source groups by, so that it puts together what PostgreSQL does. It is read as the key's value. */
extern bool remote_key(RemoteSql *sql, Node *key);

/* Appends ORDER BY as it stands within an aggregate, or as its DISTINCT sorts; nothing where that is by constants. */
extern bool remote_aggregate_order(RemoteSql *sql, Aggref *aggregate);
/* True where that may be left out, of an aggregate that sees no order: computing the keys cannot fail. */
extern bool remote_order_is_idle(Aggref *aggregate);

/* In native_aggregate.c: appends an aggregate for a source that is PostgreSQL. */
extern bool remote_native_aggregate(RemoteSql *sql, Aggref *aggregate);
/* The same for what only divides rows, and is not read. */
extern bool remote_partition_key(RemoteSql *sql, Node *key);
/* How a window function takes a value of that type so that it can be read, in the place of %1; NULL where it cannot. */
extern const char *remote_value_template(RemoteSql *sql, Node *value);

/* Window functions, in remote_window.c. */

/* Appends a window function, or another aggregate of its arguments. False where it does not give this server's answer. */
extern bool remote_window(RemoteSql *sql, WindowFunc *function, Oid aggregate_function);
/* The same for an aggregate; sql->over is given. */
extern bool remote_window_aggregate(RemoteSql *sql, WindowFunc *function, Oid aggregate_function);
/* An aggregate that is a window function, without its window. */
extern Aggref *remote_aggregate_of(WindowFunc *function);
extern WindowClause *remote_window_clause(PlannerInfo *root, WindowFunc *function);
/* True where the result depends on the order of rows that the window's order takes for equal. */
extern bool remote_window_sees_order(WindowFunc *function, WindowClause *clause);

/* Conditions on single columns, for a dialect that has a filter: in remote_filter.c, called by the functions above. */
extern Pushed remote_filter_judge(PlannerInfo *root, Relids relids, const CkSql *dialect, Expr *condition);
extern void remote_filter_write(RemoteSql *sql, Expr *condition);
/* Writes ORDER BY where the source has that of the column; nothing and false where it has not. */
extern bool remote_filter_order(RemoteSql *sql, Expr *expr, Oid collation, bool descends, bool nulls_first, bool not_null);
extern Pushed remote_filter_judge_list(PlannerInfo *root, Relids relids, const CkSql *dialect, Expr *key, Oid operator,
									   Oid key_type, Oid collation);
extern void remote_filter_write_list(RemoteSql *sql, Expr *key, Oid operator, Oid key_type, Oid collation);
/* False where these conditions (RestrictInfos), and the key of a list or NULL, do not give values of all these columns: of
 * CkSql.required or CkSql.searched. */
extern bool remote_filter_gives(PlannerInfo *root, RelOptInfo *rel, const CkSql *dialect, const char *const *columns,
								List *conditions, Expr *key);

/* For the files that write SQL: each appends, and is false where the source would not answer as PostgreSQL does. */

/* An expression as a value. What it holds is exact, since nothing checks a value again. */
extern bool remote_value(RemoteSql *sql, Node *node);
/* A boolean expression as a condition. */
extern bool remote_test(RemoteSql *sql, Node *node, Place place);
/* An operator, a function, a cast, or an operator over an array by the dialect's rules. */
extern bool remote_operator(RemoteSql *sql, Oid opno, List *args, Oid collation, Place place);
extern bool remote_function(RemoteSql *sql, FuncExpr *func, Place place);
extern bool remote_conversion(RemoteSql *sql, Node *arg, Oid type, Oid collation, Place place);
extern bool remote_array_operator(RemoteSql *sql, ScalarArrayOpExpr *expr, Place place);
/* True for an operator that needs no rule, since the source is PostgreSQL; where it has a collation, that is to be looked at. */
extern bool remote_native_operator(RemoteSql *sql, Oid opno, List *args);
extern bool remote_constant(RemoteSql *sql, Const *constant);
/* A rule's template; args are written anew wherever they stand. With list, that is what %2 stands for. */
extern bool remote_template(RemoteSql *sql, const char *template, const char *name, List *args, List *list);
/* True where the rule may be used in this place, and notes what it means. */
extern bool remote_rule_usable(RemoteSql *sql, const CkSqlRule *rule, Oid collation, Place place);
/* True where the expression has the same value for every row of the tables, so that it can be computed here and sent. */
extern bool remote_parameter(RemoteSql *sql, Node *node);
/* What stands before condition number i of a row of count, from 0 on, that are joined by AND or OR; at the end what stands
 * behind the last. */
extern void remote_joint(StringInfo text, const char *joint, int i, int count);
/* True for an = of which the dialect knows, and no user's operator of that name. */
extern bool remote_ruled_equality(const CkSql *dialect, Oid operator);
/* True where the expression holds different text columns of the table, which may have different collations there. */
extern bool remote_mixes_collations(RemoteSql *sql, Node *node);

/* Sub-selects, in remote_subselect.c. */

/* What has been written so far, for another scope to go on with. */
extern void remote_carry_on(RemoteSql *to, const RemoteSql *from);
/* Appends what a SubPlan or an AlternativeSubPlan yields. False where the source cannot be asked for it. */
extern bool remote_subselect(RemoteSql *sql, Node *node);
/* Adds to *count those of a condition that are answered for each row; true where it holds some of any kind. */
extern bool remote_count_subselects(Node *condition, int *count);
/* Appends the value of the query around that a parameter stands for; false where it is a parameter of another kind. */
extern bool remote_outer_value(RemoteSql *sql, Param *param, bool *written);
/* True where an expression of a sub-select holds such parameters, or others whose values the outermost query does not know. */
extern bool remote_has_outer(RemoteSql *sql, Node *node);
/* The number of a table's alias; 0 where columns are written without. */
extern Index remote_alias(RemoteSql *sql, Index varno);

/* How large the values of a numeric expression can be: digits before the point, and behind it. */
typedef struct NumericShape
{
	int			digits;
	int			scale;
	bool		mixed;			/* some values have fewer digits behind the point */
} NumericShape;
/* False where that is not known. */
extern bool remote_numeric_shape(Node *node, NumericShape *shape);
/* True where values may have different numbers of digits behind the point, which another source would fill up. */
extern bool remote_scale_varies(Node *node);
/* An integer expression: how many digits the value has behind the point, if it is not NULL. Its shape is known. */
extern Node *remote_scale(Node *node);
/* True for expressions whose values may have more digits than those that they are made of. */
extern bool remote_numeric_grows(Node *node);

#endif							/* CONNKIT_REMOTE_SQL_H */
