/*
 * typemap.h: types of a source as local types, by the rules of its dialect.
 */
#ifndef CONNKIT_TYPEMAP_H
#define CONNKIT_TYPEMAP_H

#include "postgres.h"
#include "connkit.h"

/* True where pattern with * and ? is all of text. */
extern bool typemap_glob(const char *pattern, const char *text);

/*
 * The local type for a type of the source, as SQL writes it in the current search_path: by the dialect's rules (sql may
 * be NULL), text where they lead to nothing that exists here.
 */
extern char *typemap_local(const CkSql *sql, const char *source_type);

/* The local type of that name as SQL writes it, or NULL where there is none that a column can have. */
extern char *typemap_known(const char *type);

#endif							/* CONNKIT_TYPEMAP_H */
