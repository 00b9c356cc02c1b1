/*
 * request.h: SQL of the users' own, as connkit_query() and connkit_execute() take it.
 */
#ifndef CONNKIT_REQUEST_H
#define CONNKIT_REQUEST_H

#include "postgres.h"
#include "fmgr.h"
#include "foreign/foreign.h"

#include "connkit.h"
#include "rights.h"

typedef struct Request
{
	ForeignServer *server;
	const CkConnector *connector;
	const CkSql *sql;
	char	   *text;			/* without semicolons at its end */
	CkValue    *args;			/* values of its placeholders */
	int			nargs;
} Request;

/*
 * Takes the arguments (source, text, VARIADIC args) of a function that needs the privilege of rights.h. ERROR where the current
 * role lacks it, told in the audit log under that action; where the connector speaks no SQL; and for an argument that the
 * source cannot be told.
 */
extern void request_begin(Request *request, FunctionCallInfo fcinfo, const char *privilege, const char *action);

/* The word that the text begins with, behind comments and in lower case; "" where it begins otherwise. */
extern char *request_first_word(const char *text);

/* The text with stars for its literals and without its comments; where it is not plain to see how long one of them is, without
 * all that follows. */
extern char *request_without_literals(const Request *request);

#endif							/* CONNKIT_REQUEST_H */
