/*
 * typefit.c: whether every value of one type is one of another, for columns that change their type.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/lsyscache.h"

#include "typefit.h"

/* Digits of the modifier of numeric. */
#define NUMERIC_PRECISION(typmod) ((((typmod) - VARHDRSZ) >> 16) & 0xffff)
#define NUMERIC_SCALE(typmod) (((((typmod) - VARHDRSZ) & 0x7ff) ^ 1024) - 1024)

/* Fraction digits of a time without a modifier. */
#define TIME_DIGITS 6

/* What the modifiers of two types must be like. */
typedef enum TypmodRule
{
	ANY_TYPMOD,
	LENGTH,						/* no shorter */
	DIGITS,						/* no fewer, before the point and behind it */
	FRACTION					/* no fewer fraction digits */
} TypmodRule;

typedef struct Wider
{
	Oid			from;
	Oid			to;
	TypmodRule	rule;
} Wider;

static const Wider wider[] = {
	{INT2OID, INT4OID, ANY_TYPMOD},
	{INT2OID, INT8OID, ANY_TYPMOD},
	{INT4OID, INT8OID, ANY_TYPMOD},
	{INT2OID, FLOAT4OID, ANY_TYPMOD},
	{INT2OID, FLOAT8OID, ANY_TYPMOD},
	{INT4OID, FLOAT8OID, ANY_TYPMOD},
	{FLOAT4OID, FLOAT8OID, ANY_TYPMOD},
	{INT2OID, NUMERICOID, DIGITS},
	{INT4OID, NUMERICOID, DIGITS},
	{INT8OID, NUMERICOID, DIGITS},
	{NUMERICOID, NUMERICOID, DIGITS},
	{VARCHAROID, VARCHAROID, LENGTH},
	{VARCHAROID, TEXTOID, LENGTH},
	{TEXTOID, VARCHAROID, LENGTH},
	{BPCHAROID, BPCHAROID, LENGTH},
	{BPCHAROID, VARCHAROID, LENGTH},
	{BPCHAROID, TEXTOID, LENGTH},
	{BITOID, VARBITOID, LENGTH},
	{VARBITOID, VARBITOID, LENGTH},
	{DATEOID, TIMESTAMPOID, ANY_TYPMOD},
	{TIMEOID, TIMEOID, FRACTION},
	{TIMETZOID, TIMETZOID, FRACTION},
	{TIMESTAMPOID, TIMESTAMPOID, FRACTION},
	{TIMESTAMPTZOID, TIMESTAMPTZOID, FRACTION},
	{CIDROID, INETOID, ANY_TYPMOD},
	{JSONBOID, JSONOID, ANY_TYPMOD},
};

/* Digits before and behind the point that values of a type may have. */
static void
type_digits(Oid type, int32 typmod, int *before, int *behind)
{
	*behind = type == NUMERICOID ? NUMERIC_SCALE(typmod) : 0;
	*before = type == INT2OID ? 5 : type == INT4OID ? 10 : type == INT8OID ? 19 : NUMERIC_PRECISION(typmod) - *behind;
}

static bool
typmod_fits(const Wider *rule, int32 from, int32 to)
{
	int			from_before,
				from_behind,
				to_before,
				to_behind;

	switch (rule->rule)
	{
		case ANY_TYPMOD:
			return true;
		case LENGTH:
			return to < 0 || (from >= 0 && from <= to);
		case FRACTION:
			return to < 0 || to >= (from < 0 ? TIME_DIGITS : from);
		case DIGITS:
			if (to < 0)
				return true;
			if (rule->from == NUMERICOID && from < 0)
				return false;
			type_digits(rule->from, from, &from_before, &from_behind);
			type_digits(rule->to, to, &to_before, &to_behind);
			return from_before <= to_before && from_behind <= to_behind;
	}
	return false;
}

bool
typefit_holds(Oid from, int32 from_typmod, Oid to, int32 to_typmod)
{
	Oid			from_element = get_element_type(from),
				to_element = get_element_type(to);

	if (from == to && (from_typmod == to_typmod || to_typmod < 0))
		return true;
	if (OidIsValid(from_element) && OidIsValid(to_element))
		return typefit_holds(from_element, from_typmod, to_element, to_typmod);
	for (int i = 0; i < lengthof(wider); i++)
		if (wider[i].from == from && wider[i].to == to)
			return typmod_fits(&wider[i], from_typmod, to_typmod);
	return false;
}

bool
typefit_takes(Oid from, int32 from_typmod, Oid to, int32 to_typmod)
{
	/* how bytes are written is a setting */
	if ((to == TEXTOID || (to == VARCHAROID && to_typmod < 0)) && from != BYTEAOID)
		return true;
	return typefit_holds(from, from_typmod, to, to_typmod);
}
