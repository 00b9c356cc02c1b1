/*
 * value.c: converts a connector's values to Datums of the local types, and parameters to values for the source.
 *
 * The usual pairs are converted directly; every other pair goes through text and the type's input function, so that
 * what a type does not take is an error and never another value.
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "common/shortest_dec.h"
#include "common/int.h"
#include "lib/stringinfo.h"
#include "libpq/pqformat.h"
#include "mb/pg_wchar.h"
#include "port/pg_bswap.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/float.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "value.h"

#define EPOCH_DAYS ((int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE))
#define EPOCH_USECS (EPOCH_DAYS * USECS_PER_DAY)

void
value_reader_init(ValueReader *reader, Oid type, int32 typmod, const char *column)
{
	Oid			function;
	HeapTuple	tuple;

	reader->type = type;
	reader->typmod = typmod;
	reader->base = getBaseType(type);
	reader->domain = reader->base != type;
	reader->column = column;
	getTypeInputInfo(type, &function, &reader->input_param);
	fmgr_info(function, &reader->input);

	tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(type));
	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for type %u", type);
	function = ((Form_pg_type) GETSTRUCT(tuple))->typreceive;
	reader->receive_param = getTypeIOParam(tuple);
	ReleaseSysCache(tuple);
	reader->receive.fn_oid = InvalidOid;
	if (OidIsValid(function))
		fmgr_info(function, &reader->receive);
}

int
value_encoding_begin(void)
{
	int			saved = pg_get_client_encoding();

	if (saved == PG_UTF8)
		return -1;
	if (PrepareClientEncoding(PG_UTF8) < 0 || SetClientEncoding(PG_UTF8) < 0)
		elog(ERROR, "no conversion between UTF8 and the encoding of this database");
	return saved;
}

void
value_encoding_end(int saved)
{
	if (saved >= 0)
		SetClientEncoding(saved);
}

static void
out_of_range(const char *type)
{
	ereport(ERROR,
			(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
			 errmsg("value of the source is out of range for type %s", type),
			 errhint("Declare the column with a wider type.")));
}

/* The server's own form of a date and of a timestamp. */
static DateADT
value_date(const CkValue *value)
{
	int64		days = value->u.i;

	if (days == CK_INFINITY)
		return DATEVAL_NOEND;
	if (days == CK_MINUS_INFINITY)
		return DATEVAL_NOBEGIN;
	if (pg_sub_s64_overflow(days, EPOCH_DAYS, &days) || days < PG_INT32_MIN || days > PG_INT32_MAX ||
		!IS_VALID_DATE((DateADT) days))
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("date of the source is out of range")));
	return (DateADT) days;
}

static Timestamp
value_timestamp(const CkValue *value)
{
	int64		ts = value->u.i;

	if (ts == CK_INFINITY)
		return DT_NOEND;
	if (ts == CK_MINUS_INFINITY)
		return DT_NOBEGIN;
	if (pg_sub_s64_overflow(ts, EPOCH_USECS, &ts) || !IS_VALID_TIMESTAMP(ts))
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("timestamp of the source is out of range")));
	return ts;
}

/* The server's own text form of a value. */
static char *
value_text(const CkValue *value)
{
	switch (value->type)
	{
		case CK_BOOL:
			return pstrdup(value->u.i ? "true" : "false");
		case CK_INT64:
			return psprintf(INT64_FORMAT, value->u.i);
		case CK_UINT64:
			return psprintf(UINT64_FORMAT, (uint64) value->u.i);
		case CK_FLOAT32:
			return float_to_shortest_decimal((float4) value->u.f);
		case CK_FLOAT64:
			return double_to_shortest_decimal(value->u.f);
		case CK_TEXT:
		case CK_JSON:
		case CK_NUMERIC:
			{
				char	   *copy = pnstrdup(value->u.p, value->size);

				if (strlen(copy) != value->size)
					ereport(ERROR,
							(errcode(ERRCODE_CHARACTER_NOT_IN_REPERTOIRE),
							 errmsg("text of the source contains a NUL character"),
							 errhint("Declare the column bytea.")));
				return pg_any_to_server(copy, value->size, PG_UTF8);
			}
		case CK_DATE:
			return DatumGetCString(DirectFunctionCall1(date_out, DateADTGetDatum(value_date(value))));
		case CK_TIME:
			{
				/* as an interval, so that more than a day and less than nothing can be told */
				uint64		us = value->u.i < 0 ? -(uint64) value->u.i : (uint64) value->u.i;

				return psprintf("%s%s" UINT64_FORMAT ":%02d:%02d.%06d", value->u.i < 0 ? "-" : "",
								us < 10 * (uint64) USECS_PER_HOUR ? "0" : "", us / USECS_PER_HOUR,
								(int) (us / USECS_PER_MINUTE % 60), (int) (us / USECS_PER_SEC % 60),
								(int) (us % USECS_PER_SEC));
			}
		case CK_TIMESTAMP:
		case CK_TIMESTAMPTZ:
			return DatumGetCString(DirectFunctionCall1(value->type == CK_TIMESTAMP ? timestamp_out : timestamptz_out,
													   TimestampGetDatum(value_timestamp(value))));
		case CK_BYTES:
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("the source has binary data where text is expected"),
					 errhint("Declare the column bytea.")));
		case CK_NATIVE:
		case CK_MISFIT:
		case CK_NULL:
		case CK_TYPE_COUNT:
			break;
	}
	elog(ERROR, "unexpected value type %d", (int) value->type);
}

/* Through text and the type's input function. */
static Datum
value_input(ValueReader *reader, const CkValue *value)
{
	return InputFunctionCall(&reader->input, value_text(value), reader->input_param, reader->typmod);
}

/* What the receive functions of the most usual types do, without a call of them; false: left to them. */
static bool
value_receive_plain(ValueReader *reader, const CkValue *value, Datum *datum)
{
	uint64		number64;
	uint32		number32;

	switch (reader->type)
	{
		case BOOLOID:
			if (value->size != 1)
				return false;
			*datum = BoolGetDatum(*(const char *) value->u.p != 0);
			return true;
		case INT4OID:
			if (value->size != sizeof(number32))
				return false;
			memcpy(&number32, value->u.p, sizeof(number32));
			*datum = Int32GetDatum((int32) pg_ntoh32(number32));
			return true;
		case INT8OID:
		case FLOAT8OID:
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
			if (value->size != sizeof(number64))
				return false;
			memcpy(&number64, value->u.p, sizeof(number64));
			number64 = pg_ntoh64(number64);
			*datum = Int64GetDatum((int64) number64);	/* a double is passed as its bits are */
			if (reader->type == INT8OID || reader->type == FLOAT8OID)
				return true;
			return (reader->typmod < 0 || reader->typmod == MAX_TIMESTAMP_PRECISION) &&
				(TIMESTAMP_NOT_FINITE((Timestamp) number64) || IS_VALID_TIMESTAMP((Timestamp) number64));
		case TEXTOID:
		case VARCHAROID:
			if (GetDatabaseEncoding() != PG_UTF8)
				return false;
			pg_verify_mbstr(PG_UTF8, value->u.p, value->size, false);
			*datum = PointerGetDatum(cstring_to_text_with_len(value->u.p, value->size));
			return true;
		default:
			return false;
	}
}

static Datum
value_receive(ValueReader *reader, const CkValue *value)
{
	StringInfoData buffer;
	Datum		datum;

	if (!OidIsValid(reader->receive.fn_oid))
		elog(ERROR, "type %s has no binary form", format_type_be(reader->type));
	if (value_receive_plain(reader, value, &datum))
		return datum;
	/* receive functions read; those that end a string in place put back what was there */
	buffer.data = (char *) value->u.p;
	buffer.len = value->size;
	buffer.maxlen = value->size + 1;
	buffer.cursor = 0;
	datum = ReceiveFunctionCall(&reader->receive, &buffer, reader->receive_param, reader->typmod);
	if (buffer.cursor != buffer.len)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("incorrect binary data format")));
	return datum;
}

static Datum
value_read_text(const CkValue *value)
{
	if (memchr(value->u.p, 0, value->size))
		(void) value_text(value);	/* raises the error */
	if (GetDatabaseEncoding() == PG_UTF8)
	{
		pg_verify_mbstr(PG_UTF8, value->u.p, value->size, false);
		return PointerGetDatum(cstring_to_text_with_len(value->u.p, value->size));
	}
	return CStringGetTextDatum(value_text(value));
}

/* An integer, if the value is one; else raises the error or goes on by text. */
static bool
value_integer(const CkValue *value, int64 *number)
{
	switch (value->type)
	{
		case CK_BOOL:
		case CK_INT64:
			*number = value->u.i;
			return true;
		case CK_UINT64:
			if (value->u.i < 0)
				return false;
			*number = value->u.i;
			return true;
		case CK_FLOAT32:
		case CK_FLOAT64:
			if (rint(value->u.f) != value->u.f || !FLOAT8_FITS_IN_INT64(value->u.f))
				return false;
			*number = (int64) value->u.f;
			return true;
		default:
			return false;
	}
}

static Datum
value_read_timestamp(ValueReader *reader, const CkValue *value, bool zone)
{
	Timestamp	ts = value_timestamp(value);

	if (reader->typmod >= 0)
		return DirectFunctionCall2(zone ? timestamptz_scale : timestamp_scale, TimestampGetDatum(ts),
								   Int32GetDatum(reader->typmod));
	return TimestampGetDatum(ts);
}

/* Characters of a text in UTF-8; of one that is not valid, some number. */
static int64
utf8_length(const char *text, uint32 size)
{
	int64		characters = 0;

	for (uint32 i = 0; i < size; i++)
		characters += ((unsigned char) text[i] & 0xC0) != 0x80;
	return characters;
}

/*
 * Text that is too long for varchar(n) is an error even where only blanks are too much: the type would cut them, and a
 * filter at the source would see another value than the one read here.
 */
static void
check_length(ValueReader *reader, const CkValue *value)
{
	int			most = reader->typmod - VARHDRSZ;

	if (most >= 0 && (int64) value->size > most && (value->type == CK_TEXT || value->type == CK_NATIVE) &&
		utf8_length(value->u.p, value->size) > most)
		ereport(ERROR,
				(errcode(ERRCODE_STRING_DATA_RIGHT_TRUNCATION),
				 errmsg("value too long for type %s", format_type_with_typemod(reader->type, reader->typmod))));
}

/* Digits behind the point of decimal text, without zeros at its end. */
static int
text_scale(const char *text, uint32 size)
{
	const char *point = memchr(text, '.', size);

	while (point && text[size - 1] == '0')
		size--;
	return point ? (int) (text + size - point) - 1 : 0;
}

/*
 * What numeric(p, s) or timestamp(p) would round is an error, for the same reason. A float of the source has no digits of
 * its own, and is rounded.
 */
static void
check_digits(ValueReader *reader, const CkValue *value)
{
	int			most = reader->typmod,
				digits = 0;

	if (most < 0)
		return;
	if (reader->base == NUMERICOID && value->type == CK_NUMERIC)
	{
		most = (most - VARHDRSZ) & 0x7ff;
		digits = text_scale(value->u.p, value->size);
	}
	else if ((value->type == CK_TIME || value->type == CK_TIMESTAMP || value->type == CK_TIMESTAMPTZ) &&
			 value->u.i != CK_INFINITY && value->u.i != CK_MINUS_INFINITY)
	{
		if (reader->base == INTERVALOID)
			most = INTERVAL_PRECISION(most);
		for (int64 us = value->u.i % USECS_PER_SEC; us != 0; us = us * 10 % USECS_PER_SEC)
			digits++;
	}
	if (digits > most)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("value has more digits than type %s", format_type_with_typemod(reader->type, reader->typmod)),
				 errhint("Declare the column with as many digits as the source has.")));
}

/* A numeric of a short decimal text that needs no rounding and fits; false: left to the input function. */
static bool
value_decimal(ValueReader *reader, const CkValue *value, Datum *datum)
{
	const char *text = value->u.p;
	uint32		place = value->size > 0 && text[0] == '-';
	int64		number = 0;
	int			whole = 0,
				behind = 0;
	bool		digits = false,
				point = false;

	/* so many digits are an int64 */
	if (value->size > 18)
		return false;
	for (; place < value->size; place++)
	{
		if (text[place] >= '0' && text[place] <= '9')
		{
			number = number * 10 + (text[place] - '0');
			digits = true;
			behind += point;
			whole += !point && number > 0;
		}
		else if (text[place] == '.' && !point)
			point = true;
		else
			return false;
	}
	if (!digits)
		return false;
	if (reader->typmod >= 0)
	{
		int			precision = (reader->typmod - VARHDRSZ) >> 16 & 0xffff;
		int			scale = (reader->typmod - VARHDRSZ) & 0x7ff;

		if (behind != scale || whole > precision - scale)
			return false;
	}
	*datum = NumericGetDatum(int64_div_fast_to_numeric(text[0] == '-' ? -number : number, behind));
	return true;
}

/*
 * A numeric of a float that is a decimal of few digits: at most 15 digits are told apart by a double, so there is but one such
 * decimal, and it is the shortest. False: left to the input function.
 */
static bool
value_float_decimal(ValueReader *reader, double number, Datum *datum)
{
	static const double powers[] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8};
	int			precision = 15,
				scale = reader->typmod < 0 ? 0 : (reader->typmod - VARHDRSZ) & 0x7ff,
				last = reader->typmod < 0 ? lengthof(powers) - 1 : scale;

	if (reader->typmod >= 0)
		precision = Min(precision, (reader->typmod - VARHDRSZ) >> 16 & 0xffff);
	for (; scale <= last && scale < lengthof(powers); scale++)
	{
		double		digits = rint(number * powers[scale]);

		if (!(fabs(digits) < 1e15))
			return false;
		if (digits / powers[scale] == number)
		{
			int64		most = 1;

			for (int i = 0; i < precision; i++)
				most *= 10;
			if (fabs(digits) >= (double) most)
				return false;
			*datum = NumericGetDatum(int64_div_fast_to_numeric((int64) digits, scale));
			return true;
		}
	}
	return false;
}

Datum
value_read(ValueReader *reader, const CkValue *value)
{
	Datum		datum;
	int64		number;

	if (reader->base == VARCHAROID)
		check_length(reader, value);
	if (value->type == CK_NATIVE)
		return value_receive(reader, value);
	check_digits(reader, value);
	if (reader->domain)
		return value_input(reader, value);
	switch (reader->base)
	{
		case INT2OID:
			if (!value_integer(value, &number))
				break;
			if (number < PG_INT16_MIN || number > PG_INT16_MAX)
				out_of_range("smallint");
			return Int16GetDatum((int16) number);
		case INT4OID:
			if (!value_integer(value, &number))
				break;
			if (number < PG_INT32_MIN || number > PG_INT32_MAX)
				out_of_range("integer");
			return Int32GetDatum((int32) number);
		case INT8OID:
			if (!value_integer(value, &number))
				break;
			return Int64GetDatum(number);
		case FLOAT4OID:
			if (value->type == CK_FLOAT32)
				return Float4GetDatum((float4) value->u.f);
			if (value->type == CK_FLOAT64)
				return DirectFunctionCall1(dtof, Float8GetDatum(value->u.f));
			break;
		case FLOAT8OID:
			if (value->type == CK_FLOAT64)
				return Float8GetDatum(value->u.f);
			/* a float's exact value */
			if (value->type == CK_FLOAT32)
				return Float8GetDatum(value->u.f);
			break;
		case NUMERICOID:
			if (value->type == CK_INT64 && reader->typmod < 0)
				return NumericGetDatum(int64_to_numeric(value->u.i));
			if (value->type == CK_NUMERIC && value_decimal(reader, value, &datum))
				return datum;
			if (value->type == CK_FLOAT64 && value_float_decimal(reader, value->u.f, &datum))
				return datum;
			break;
		case BOOLOID:
			if (value->type == CK_BOOL || value->type == CK_INT64 || value->type == CK_UINT64)
				return BoolGetDatum(value->u.i != 0);
			break;
		case TEXTOID:
			if (value->type == CK_TEXT || value->type == CK_JSON)
				return value_read_text(value);
			break;
		case VARCHAROID:
			if (value->type == CK_TEXT)
				return value_read_text(value);
			break;
		case BYTEAOID:
			if (value->type == CK_BYTES || value->type == CK_TEXT)
				return PointerGetDatum(cstring_to_text_with_len(value->u.p, value->size));
			break;
		case DATEOID:
			if (value->type == CK_DATE)
				return DateADTGetDatum(value_date(value));
			if (value->type == CK_TIMESTAMP && value->u.i != CK_INFINITY && value->u.i != CK_MINUS_INFINITY &&
				value->u.i % USECS_PER_DAY != 0)
				ereport(ERROR,
						(errcode(ERRCODE_DATATYPE_MISMATCH),
						 errmsg("the source has a time of day where a date is expected"),
						 errhint("Declare the column timestamp.")));
			break;
		case TIMEOID:
			if (value->type == CK_TIME)
			{
				if (value->u.i < 0 || value->u.i > USECS_PER_DAY)
					ereport(ERROR,
							(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
							 errmsg("time of the source is not within a day"),
							 errhint("Declare the column interval.")));
				if (reader->typmod < 0)
					return TimeADTGetDatum(value->u.i);
			}
			break;
		case TIMESTAMPOID:
			if (value->type == CK_TIMESTAMP)
				return value_read_timestamp(reader, value, false);
			if (value->type == CK_TIMESTAMPTZ)
				return DirectFunctionCall1(timestamptz_timestamp, value_read_timestamp(reader, value, true));
			break;
		case TIMESTAMPTZOID:
			if (value->type == CK_TIMESTAMPTZ)
				return value_read_timestamp(reader, value, true);
			break;
		default:
			break;
	}
	return value_input(reader, value);
}

void
value_read_null(ValueReader *reader)
{
	(void) InputFunctionCall(&reader->input, NULL, reader->input_param, reader->typmod);
}

CkType
value_type_for(Oid type)
{
	switch (getBaseType(type))
	{
		case BOOLOID:
			return CK_BOOL;
		case INT2OID:
		case INT4OID:
		case INT8OID:
			return CK_INT64;
		case FLOAT4OID:
			return CK_FLOAT32;
		case FLOAT8OID:
			return CK_FLOAT64;
		case NUMERICOID:
			return CK_NUMERIC;
		case TEXTOID:
		case VARCHAROID:
		case BPCHAROID:
		case NAMEOID:
			return CK_TEXT;
		case BYTEAOID:
			return CK_BYTES;
		case DATEOID:
			return CK_DATE;
		case TIMEOID:
		case INTERVALOID:
			return CK_TIME;
		case TIMESTAMPOID:
			return CK_TIMESTAMP;
		case TIMESTAMPTZOID:
			return CK_TIMESTAMPTZ;
		case JSONOID:
		case JSONBOID:
			return CK_JSON;
		default:
			return CK_NATIVE;
	}
}

bool
value_type_is_native(Oid type)
{
	HeapTuple	tuple;
	Form_pg_type form;
	bool		native;

	type = getBaseType(type);
	if (type >= FirstGenbkiObjectId)
		return false;
	tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(type));
	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for type %u", type);
	form = (Form_pg_type) GETSTRUCT(tuple);
	/* a reg type's binary form is an oid, which means nothing elsewhere */
	native = OidIsValid(form->typreceive) && OidIsValid(form->typsend) && form->typtype != TYPTYPE_PSEUDO &&
		form->typtype != TYPTYPE_COMPOSITE && strncmp(NameStr(form->typname), "reg", 3) != 0 &&
		strncmp(NameStr(form->typname), "_reg", 4) != 0;
	ReleaseSysCache(tuple);
	return native;
}

void
value_writer_init(ValueWriter *writer, Oid type, bool native)
{
	Oid			function;
	bool		varlena;

	writer->base = getBaseType(type);
	writer->binary = native && value_type_is_native(type);
	writer->native = native;
	if (writer->binary)
		getTypeBinaryOutputInfo(type, &function, &varlena);
	else
		getTypeOutputInfo(type, &function, &varlena);
	fmgr_info(function, &writer->function);
}

/* Writes the bytes of a number in the order of the wire. */
static void
write_bytes(CkValue *value, uint64 bits, int size)
{
	char	   *bytes = palloc(sizeof(uint64));

	bits = pg_hton64(bits << (64 - 8 * size));
	memcpy(bytes, &bits, sizeof(uint64));
	value->u.p = bytes;
	value->size = size;
}

/* Writes PostgreSQL's binary form; that of the usual types without their send functions. */
static void
write_binary(ValueWriter *writer, CkValue *value, Datum datum)
{
	bytea	   *binary;

	value->type = CK_NATIVE;
	switch (writer->base)
	{
		case BOOLOID:
			write_bytes(value, DatumGetBool(datum), 1);
			return;
		case INT2OID:
			write_bytes(value, (uint16) DatumGetInt16(datum), 2);
			return;
		case INT4OID:
		case DATEOID:
		case FLOAT4OID:
			write_bytes(value, DatumGetUInt32(datum), 4);
			return;
		case INT8OID:
		case FLOAT8OID:
		case TIMEOID:
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
			write_bytes(value, (uint64) DatumGetInt64(datum), 8);
			return;
		default:
			binary = SendFunctionCall(&writer->function, datum);
			value->u.p = VARDATA(binary);
			value->size = VARSIZE(binary) - VARHDRSZ;
			return;
	}
}

/* Writes the value as text in UTF-8. */
static void
write_text(ValueWriter *writer, CkValue *value, Datum datum)
{
	const char *text;
	int			size;

	if (writer->base == TEXTOID || writer->base == VARCHAROID || writer->base == BPCHAROID)
	{
		struct varlena *string = PG_DETOAST_DATUM_PACKED(datum);

		text = VARDATA_ANY(string);
		size = VARSIZE_ANY_EXHDR(string);
	}
	else
	{
		text = OutputFunctionCall(&writer->function, datum);
		size = strlen(text);
	}
	value->u.p = pg_server_to_any(text, size, PG_UTF8);
	value->size = value->u.p == text ? size : strlen(value->u.p);
}

void
value_write(ValueWriter *writer, CkValue *value, Datum datum, bool isnull)
{
	memset(value, 0, sizeof(*value));
	if (isnull)
		return;
	if (writer->binary)
	{
		write_binary(writer, value, datum);
		return;
	}
	switch (writer->native ? InvalidOid : writer->base)
	{
		case BOOLOID:
			value->type = CK_BOOL;
			value->u.i = DatumGetBool(datum);
			return;
		case INT2OID:
			value->type = CK_INT64;
			value->u.i = DatumGetInt16(datum);
			return;
		case INT4OID:
			value->type = CK_INT64;
			value->u.i = DatumGetInt32(datum);
			return;
		case INT8OID:
			value->type = CK_INT64;
			value->u.i = DatumGetInt64(datum);
			return;
		case FLOAT4OID:
			value->type = CK_FLOAT32;
			value->u.f = DatumGetFloat4(datum);
			return;
		case FLOAT8OID:
			value->type = CK_FLOAT64;
			value->u.f = DatumGetFloat8(datum);
			return;
		case BYTEAOID:
			{
				bytea	   *bytes = DatumGetByteaPP(datum);

				value->type = CK_BYTES;
				value->u.p = VARDATA_ANY(bytes);
				value->size = VARSIZE_ANY_EXHDR(bytes);
				return;
			}
		case DATEOID:
			{
				DateADT		date = DatumGetDateADT(datum);

				value->type = CK_DATE;
				value->u.i = DATE_IS_NOBEGIN(date) ? CK_MINUS_INFINITY : DATE_IS_NOEND(date) ? CK_INFINITY :
					date + EPOCH_DAYS;
				return;
			}
		case TIMEOID:
			value->type = CK_TIME;
			value->u.i = DatumGetTimeADT(datum);
			return;
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
			{
				Timestamp	ts = DatumGetTimestamp(datum);

				value->type = writer->base == TIMESTAMPOID ? CK_TIMESTAMP : CK_TIMESTAMPTZ;
				value->u.i = TIMESTAMP_IS_NOBEGIN(ts) ? CK_MINUS_INFINITY : TIMESTAMP_IS_NOEND(ts) ? CK_INFINITY :
					ts + EPOCH_USECS;
				return;
			}
		case NUMERICOID:
			value->type = CK_NUMERIC;
			break;
		case JSONOID:
		case JSONBOID:
			value->type = CK_JSON;
			break;
		default:
			value->type = CK_TEXT;
			break;
	}
	write_text(writer, value, datum);
}

void
value_from_datum(CkValue *value, Oid type, Datum datum, bool isnull, bool native)
{
	ValueWriter writer;

	memset(value, 0, sizeof(*value));
	if (isnull)
		return;
	value_writer_init(&writer, type, native);
	value_write(&writer, value, datum, isnull);
}

/* Digits before and behind the point of decimal text fit; NaN and infinities do not. */
static bool
numeric_within(const CkValue *value, const CkSqlLimits *limits)
{
	int			before = 0,
				behind = 0;
	bool		point = false;

	for (uint32 i = 0; i < value->size; i++)
	{
		char		c = value->u.p[i];

		if (c == '.')
			point = true;
		else if (c >= '0' && c <= '9')
			point ? behind++ : before++;
		else if (c != '-')
			return false;
	}
	return before <= limits->numeric_digits && behind <= limits->numeric_scale;
}

bool
value_within(const CkValue *value, const CkSqlLimits *limits)
{
	bool		infinite;

	switch (value->type)
	{
		case CK_FLOAT32:
		case CK_FLOAT64:
			return limits->nan || isfinite(value->u.f);
		case CK_NUMERIC:
			return limits->numeric_digits == 0 || numeric_within(value, limits);
		case CK_DATE:
		case CK_TIMESTAMP:
		case CK_TIMESTAMPTZ:
			infinite = value->u.i == CK_INFINITY || value->u.i == CK_MINUS_INFINITY;
			if (infinite)
				return limits->infinite_time;
			if (limits->timestamp_min == limits->timestamp_max)
				return true;
			if (value->type == CK_DATE)
				return value->u.i >= limits->timestamp_min / USECS_PER_DAY &&
					value->u.i <= limits->timestamp_max / USECS_PER_DAY;
			return value->u.i >= limits->timestamp_min && value->u.i <= limits->timestamp_max;
		default:
			return true;
	}
}

bool
value_type_within(CkType type, const CkSqlLimits *limits)
{
	switch (type)
	{
		case CK_FLOAT32:
		case CK_FLOAT64:
			return limits->nan;
		case CK_NUMERIC:
			return limits->numeric_digits == 0;
		case CK_DATE:
		case CK_TIMESTAMP:
		case CK_TIMESTAMPTZ:
			return limits->infinite_time && limits->timestamp_min == limits->timestamp_max;
		default:
			return true;
	}
}

char *
value_raw_text(const CkValue *value)
{
	char	   *hex;

	switch (value->type)
	{
		case CK_BOOL:
		case CK_INT64:
		case CK_UINT64:
		case CK_FLOAT32:
		case CK_FLOAT64:
		case CK_TIME:
			return value_text(value);
		case CK_DATE:
			return psprintf(INT64_FORMAT " days since 1970-01-01", value->u.i);
		case CK_TIMESTAMP:
		case CK_TIMESTAMPTZ:
			return psprintf(INT64_FORMAT " microseconds since 1970-01-01", value->u.i);
		case CK_TEXT:
		case CK_JSON:
		case CK_NUMERIC:
		case CK_MISFIT:
			if (GetDatabaseEncoding() == PG_UTF8 && memchr(value->u.p, '\0', value->size) == NULL &&
				pg_verify_mbstr(PG_UTF8, value->u.p, value->size, true))
				return pnstrdup(value->u.p, value->size);
			/* FALLTHROUGH */
		default:
			hex = palloc(2 * (Size) value->size + 3);
			hex[0] = '\\';
			hex[1] = 'x';
			hex[2 + hex_encode(value->u.p, value->size, hex + 2)] = '\0';
			return hex;
	}
}
