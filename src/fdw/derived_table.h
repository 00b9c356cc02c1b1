/*
 * derived_table.h: sub-queries in FROM that a source answers, as derived tables of a join or a grouping there.
 */
#ifndef CONNKIT_DERIVED_TABLE_H
#define CONNKIT_DERIVED_TABLE_H

/* Makes the planner think of them. */
extern void derived_table_init(void);

#endif							/* CONNKIT_DERIVED_TABLE_H */
