/*
 * value.h: a connector's values to Datums of the local types, and parameters to values for the source.
 */
#ifndef CONNKIT_VALUE_H
#define CONNKIT_VALUE_H

#include "postgres.h"
#include "fmgr.h"
#include "connkit.h"

/* Reads values of one column; made once at the start of a scan. */
typedef struct ValueReader
{
	Oid			type;			/* of the column */
	int32		typmod;
	Oid			base;			/* base type, where the column's is a domain */
	bool		domain;
	FmgrInfo	input;
	Oid			input_param;
	FmgrInfo	receive;		/* fn_oid is invalid where the type has none */
	Oid			receive_param;
	const char *column;			/* local name, for errors */
} ValueReader;

/* typmod: of the column; column lives as long as the reader. */
extern void value_reader_init(ValueReader *reader, Oid type, int32 typmod, const char *column);

/* The Datum in the current memory context; value is not CK_NULL. ERROR where it does not fit the type. */
extern Datum value_read(ValueReader *reader, const CkValue *value);

/* Runs the type's checks on NULL (domains). */
extern void value_read_null(ValueReader *reader);

/* Around calls of value_read() for CK_NATIVE values and value_native(): binary text is in UTF-8, whatever the client's
 * encoding is. Returns what value_encoding_end() needs. */
extern int	value_encoding_begin(void);
extern void value_encoding_end(int saved);

/* The form that suits a local type best. */
extern CkType value_type_for(Oid type);

/* True where the type has a binary form that means the same on another PostgreSQL server. */
extern bool value_type_is_native(Oid type);

/* Writes values of one type for the source; made once for many. */
typedef struct ValueWriter
{
	Oid			base;			/* base type, where the type is a domain */
	bool		native;			/* the source is PostgreSQL: what is not binary is text */
	bool		binary;			/* in PostgreSQL's binary form */
	FmgrInfo	function;		/* of that form, or of the text */
} ValueWriter;

extern void value_writer_init(ValueWriter *writer, Oid type, bool native);

/* *value borrows from the Datum and from the current memory context. */
extern void value_write(ValueWriter *writer, CkValue *value, Datum datum, bool isnull);

/* A parameter for the source: *value borrows from the current memory context. */
extern void value_from_datum(CkValue *value, Oid type, Datum datum, bool isnull, bool native);

/* What a connector put, for people: its text, or its bytes in hexadecimal; never an ERROR. */
extern char *value_raw_text(const CkValue *value);

/* True where the source can be told every value of this type. */
extern bool value_type_within(CkType type, const CkSqlLimits *limits);

/* True where the source can be told this value. */
extern bool value_within(const CkValue *value, const CkSqlLimits *limits);

#endif							/* CONNKIT_VALUE_H */
