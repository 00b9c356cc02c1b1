/*
 * parent.c: asks for a table by what another one has: reads the rows of the parent as they are needed, and hands on their values.
 */
#include "http_source.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

/* Values that one request takes where its filter does not say how many. */
#define MOST 100

/* Bytes of what is remembered of a row's values. */
#define DIGEST 16

struct HttpParentScan
{
	CkScan		scan;
	const HttpParent *parent;
	CkColumn	columns[HTTP_PARENT_COLUMNS];
	CkValue		values[HTTP_PARENT_COLUMNS];
	const HttpCondition *given[HTTP_PARENT_COLUMNS];	/* what the query says of these columns, or NULL */
	HttpCondition own[HTTP_PARENT_COLUMNS];	/* which are these */
	uint32_t	nown;
	CkValue    *args;			/* all of their values */
	HttpText	request;
	uint32_t	most;			/* rows that one request is for */
	bool		ended;

	/* the values that were handed on, each once, in a table with open addressing */
	unsigned char (*digests)[DIGEST];
	size_t		room;			/* a power of two */
	size_t		count;
};

HttpIds *
http_ids_hold(HttpIds *ids)
{
	if (ids)
		ids->users++;
	return ids;
}

void
http_ids_release(HttpIds *ids)
{
	if (!ids || --ids->users > 0)
		return;
	for (uint32_t i = 0; i < ids->columns * ids->room; i++)
		if (ids->values[i].type == CK_TEXT || ids->values[i].type == CK_NUMERIC)
			free((char *) ids->values[i].u.p);
	free(ids);
}

/* The place of a digest, or the free one where it belongs. */
static size_t
find_digest(const HttpParentScan *p, const unsigned char *digest)
{
	static const unsigned char none[DIGEST];
	size_t		place;

	memcpy(&place, digest, sizeof(place));
	for (place &= p->room - 1; memcmp(p->digests[place], none, DIGEST) != 0 && memcmp(p->digests[place], digest, DIGEST) != 0;)
		place = (place + 1) & (p->room - 1);
	return place;
}

/* Makes the table twice as large. */
static bool
grow_digests(HttpParentScan *p)
{
	static const unsigned char none[DIGEST];
	unsigned char (*old)[DIGEST] = p->digests;
	size_t		old_room = p->room;

	p->room = old_room ? old_room * 2 : 256;
	p->digests = calloc(p->room, DIGEST);
	for (size_t i = 0; p->digests && i < old_room; i++)
		if (memcmp(old[i], none, DIGEST) != 0)
			memcpy(p->digests[find_digest(p, old[i])], old[i], DIGEST);
	free(old);
	return p->digests != NULL;
}

/* Whether the row at hand has values that no row before had: CK_OK, or CK_END. */
static CkStatus
check_new(CkScan *scan, HttpParentScan *p)
{
	HttpText	text = {0};
	unsigned char digest[DIGEST];
	size_t		place;
	bool		whole = true;

	for (uint32_t i = 0; i < p->scan.ncolumns; i++)
	{
		whole &= http_write_value(&text, &p->values[i], NULL, false);
		text_append(&text, "", 1);
	}
	whole &= !text.failed && (p->count < p->room / 4 * 3 || grow_digests(p));
	if (whole)
		crypto_generichash(digest, DIGEST, (unsigned char *) text.data, text.size, NULL, 0);
	text_free(&text);
	if (!whole)
		return ck_fail(scan->session, CK_ERR_MEMORY, "out of memory");
	place = find_digest(p, digest);
	if (memcmp(p->digests[place], digest, DIGEST) == 0)
		return CK_END;
	memcpy(p->digests[place], digest, DIGEST);
	p->count++;
	return CK_OK;
}

/* Whether the row at hand is to be asked for: CK_OK, or CK_END. */
static CkStatus
check_row(CkScan *scan, HttpParentScan *p)
{
	const HttpScan *http = scan->state,
			   *parent = p->scan.state;

	for (uint32_t i = 0; i < p->scan.ncolumns; i++)
	{
		const CkValue *value = &p->values[i];
		HttpLikeness likeness = LIKE_DIFFERENT;

		if (value->type == CK_NULL && http_find(parent->page, parent->paths[i]))
			return CK_END;
		if ((value->type != CK_INT64 && value->type != CK_TEXT && value->type != CK_NUMERIC) ||
			(value->type != CK_INT64 && value->size == 0))
			return ck_fail(scan->session, CK_ERR_PROTOCOL,
						   "a record of table \"%s\" lacks \"%s\", by which table \"%s\" is asked for",
						   p->parent->name, p->columns[i].name, http->name);
		for (uint32_t j = 0; p->given[i] && j < p->given[i]->nall && likeness != LIKE_SAME; j++)
		{
			HttpLikeness one = http_likeness(value, &p->given[i]->all[j]);

			likeness = one == LIKE_DIFFERENT ? likeness : one;
		}
		if (p->given[i] && likeness == LIKE_UNKNOWN)
			return ck_fail(scan->session, CK_ERR_UNSUPPORTED, "a value of \"%s\" cannot be compared with those of table \"%s\"",
						   p->parent->columns[i], p->parent->name);
		if (p->given[i] && likeness == LIKE_DIFFERENT)
			return CK_END;
	}
	return check_new(scan, p);
}

/* Goes to the parent's next row that is to be asked for. */
static CkStatus
next_row(CkScan *scan, HttpParentScan *p)
{
	const CkConnector *connector = scan->session->connector;
	CkRow		row = {.values = p->values, .ncolumns = p->scan.ncolumns};
	CkStatus	status;

	do
	{
		memset(p->values, 0, sizeof(p->values));
		status = connector->scan_next(&p->scan, &row);
		scan->bytes += p->scan.bytes;
		scan->round_trips += p->scan.round_trips;
		p->scan.bytes = p->scan.round_trips = 0;
		if (status != CK_OK)
			return status;
		status = check_row(scan, p);
	} while (status == CK_END);
	return status;
}

/* Takes a copy of the row at hand. */
static bool
take_row(HttpIds *ids, const HttpParentScan *p)
{
	for (uint32_t i = 0; i < p->scan.ncolumns; i++)
	{
		CkValue    *copy = &ids->values[i * ids->room + ids->count];

		*copy = p->values[i];
		if (copy->type == CK_INT64)
			continue;
		copy->u.p = malloc(copy->size + 1);
		if (!copy->u.p)
		{
			copy->type = CK_NULL;
			return false;
		}
		memcpy((char *) copy->u.p, p->values[i].u.p, copy->size);
	}
	ids->count++;
	return true;
}

CkStatus
http_parent_next(CkScan *scan, HttpIds **result)
{
	HttpScan   *http = scan->state;
	HttpParentScan *p = http->parent;
	HttpIds    *ids = calloc(1, sizeof(HttpIds) + p->scan.ncolumns * p->most * sizeof(CkValue));
	CkStatus	status = ids ? CK_OK : ck_fail(scan->session, CK_ERR_MEMORY, "out of memory");

	*result = ids;
	if (ids)
	{
		ids->users = 1;
		ids->columns = p->scan.ncolumns;
		ids->room = p->most;
	}
	while (status == CK_OK && !p->ended && ids->count < p->most)
	{
		status = next_row(scan, p);
		p->ended = status == CK_END;
		if (status == CK_OK && !take_row(ids, p))
			status = ck_fail(scan->session, CK_ERR_MEMORY, "out of memory");
	}
	if (status == CK_OK || status == CK_END)
		status = ids->count > 0 ? CK_OK : CK_END;
	return status;
}

/* The condition that gives values of a column, or NULL. */
static HttpCondition *
find_given(HttpScan *http, const char *column)
{
	for (uint32_t i = 0; i < http->nconditions; i++)
		if ((http->conditions[i].op & (FILTER_EQUAL | FILTER_IN)) && strcmp(http_column_of(&http->conditions[i]), column) == 0)
			return &http->conditions[i];
	return NULL;
}

/* Writes a name in quotes. */
static void
write_name(HttpText *text, const char *before, const char *name)
{
	text_string(text, before);
	text_string(text, "\"");
	for (; *name; name++)
	{
		if (*name == '"')
			text_string(text, "\"");
		text_append(text, name, 1);
	}
	text_string(text, "\"");
}

/* The form of a parent's value: a number where the child's column is one. */
static CkType
type_of(const HttpColumn *column)
{
	static const char *const integers[] = {"bigint", "integer", "smallint", "int8", "int4", "int2", "int"};

	for (size_t i = 0; i < sizeof(integers) / sizeof(integers[0]); i++)
		if (strcmp(column->type, integers[i]) == 0)
			return CK_INT64;
	return CK_TEXT;
}

/* Adds the condition by which the child is asked for values of the parent's column i. */
static CkStatus
add_condition(CkScan *scan, HttpParentScan *p, uint32_t i)
{
	HttpScan   *http = scan->state;
	const char *column = p->parent->columns[i];
	const HttpFilter *equal = http_find_filter(http->table, column, NULL, FILTER_EQUAL),
			   *list = http_find_filter(http->table, column, NULL, FILTER_IN);

	/* what a record lacks is known where only one value was asked for */
	if (p->parent->count == 1 && list && http_takes_list(list) && !list->given)
		p->most = list->most > 0 ? (uint32_t) list->most : MOST;
	else if (equal)
		list = NULL;
	return http_add_condition(scan, (HttpCondition) {
		.filter = list ? list : equal, .op = list ? FILTER_IN : FILTER_EQUAL, .from = i + 1
	});
}

/* Moves a condition of the query to where the parent's rows are chosen, and to the parent's request if that takes it. */
static CkStatus
move_condition(HttpScan *http, HttpParentScan *p, uint32_t i, HttpCondition *condition)
{
	HttpCondition *own = &p->own[p->nown++];
	const char *column = p->parent->from[i];
	bool		one = condition->nall == 1 && http_find_filter(p->parent->table, column, NULL, FILTER_EQUAL);
	CkValue    *args = realloc(p->args, (p->scan.nargs + condition->nall) * sizeof(CkValue));

	*own = *condition;
	p->given[i] = own;
	*condition = http->conditions[--http->nconditions];
	if (!args)
		return CK_ERR_MEMORY;
	p->args = args;
	if (!one && !http_find_filter(p->parent->table, column, NULL, FILTER_IN))
		return CK_OK;
	memcpy(args + p->scan.nargs, own->all, own->nall * sizeof(CkValue));
	write_name(&p->request, p->scan.nargs > 0 ? " AND " : " WHERE ", column);
	text_string(&p->request, one ? " = ?" : " IN (?");
	for (uint32_t n = 1; n < own->nall; n++)
		text_string(&p->request, ", ?");
	text_string(&p->request, one ? "" : ")");
	p->scan.nargs += own->nall;
	return CK_OK;
}

CkStatus
http_parent_open(CkScan *scan)
{
	HttpScan   *http = scan->state;
	const HttpParent *parent = &http->table->parent;
	uint32_t	given = 0;
	HttpParentScan *p;
	CkStatus	status = CK_OK;

	for (uint32_t i = 0; i < parent->count; i++)
		given += find_given(http, parent->columns[i]) != NULL;
	if (given == parent->count)
		return CK_OK;
	p = http->parent = calloc(1, sizeof(*p));
	if (p)
		p->scan.state = calloc(1, sizeof(HttpScan));
	if (!p || !p->scan.state)
		return ck_fail(scan->session, CK_ERR_MEMORY, "out of memory");
	((HttpScan *) p->scan.state)->frugal = http->frugal;
	p->parent = parent;
	p->most = 1;
	p->scan.session = scan->session;
	p->scan.options = scan->options;
	p->scan.table_name = parent->name;
	p->scan.columns = p->columns;
	p->scan.ncolumns = parent->count;
	write_name(&p->request, "SELECT 1 FROM ", parent->name);
	for (uint32_t i = 0; i < parent->count && status == CK_OK; i++)
	{
		const HttpColumn *column = http_column(http->table, parent->columns[i]);
		HttpCondition *condition = find_given(http, parent->columns[i]);

		p->columns[i] = (CkColumn) {.name = parent->from[i], .type = type_of(column), .local_type = column->type};
		if (condition)
			status = move_condition(http, p, i, condition);
		if (status == CK_OK)
			status = add_condition(scan, p, i);
	}
	if (status == CK_ERR_MEMORY || p->request.failed)
		return ck_fail(scan->session, CK_ERR_MEMORY, "out of memory");
	p->scan.remote = p->request.data;
	p->scan.args = p->args;
	return status == CK_OK ? scan->session->connector->scan_open(&p->scan) : status;
}

void
http_parent_free(CkScan *scan)
{
	HttpScan   *http = scan->state;
	HttpParentScan *p = http->parent;

	if (p && p->scan.state)
	{
		p->scan.orderly = scan->orderly;
		p->scan.session->connector->scan_close(&p->scan);
	}
	for (uint32_t i = 0; p && i < p->nown; i++)
		http_condition_free(&p->own[i]);
	if (p)
	{
		text_free(&p->request);
		free(p->scan.state);
		free(p->digests);
		free(p->args);
	}
	free(p);
	http->parent = NULL;
}
