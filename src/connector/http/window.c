/*
 * window.c: ranges of a table's cursor that are asked for one after another, where a source gives only so much at once.
 *
 * Ranges lie side by side, and the first and the last end where the conditions do. A row at an edge may come with both ranges
 * there: it is taken with the later one. What is before the first or behind the last is left to the conditions, which are checked
 * again.
 */
#include "http_source.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define SECOND INT64_C(1000000)

/* A distance of rows: seconds, or as Prometheus writes it ("1h30m"), in microseconds; 0: it is none. */
static int64_t
distance_of(const char *text)
{
	static const struct
	{
		const char *unit;
		double		seconds;
	}			units[] = {{"ms", 0.001}, {"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}, {"w", 7 * 86400}, {"y", 365 * 86400}};
	double		all = 0;

	while (*text)
	{
		char	   *rest;
		double		number = strtod(text, &rest);
		size_t		size = strspn(rest, "mshdwy"),
					i = 0;

		if (rest == text || !(number >= 0) || number > 1e9)
			return 0;
		if (size == 0)
			return *rest || all > 0 ? 0 : (int64_t) (number * SECOND + 0.5);
		while (i < sizeof(units) / sizeof(units[0]) &&
			   (strlen(units[i].unit) != size || memcmp(units[i].unit, rest, size) != 0))
			i++;
		if (i == sizeof(units) / sizeof(units[0]))
			return 0;
		all += number * units[i].seconds;
		text = rest + size;
	}
	return all < 1e9 ? (int64_t) (all * SECOND + 0.5) : 0;
}

/* What a parameter of the request will be: a condition says it, else the table. */
static CkStatus
write_param(CkScan *scan, HttpText *text, const char *name)
{
	HttpScan   *http = scan->state;

	for (uint32_t i = 0; i < http->nconditions; i++)
	{
		const HttpCondition *c = &http->conditions[i];

		if (c->filter->param && strcmp(c->filter->param, name) == 0 && c->nall == 1 &&
			http_write_value(text, c->all, c->filter, false))
			return http_check_text(scan->session, text);
	}
	for (const HttpPair *p = http->table->params; p && p->name; p++)
		if (strcmp(p->name, name) == 0)
			return http_write_text(scan, text, p->text, AS_IT_IS, AS_IT_IS);
	return CK_OK;
}

/* Reads the distance of rows. */
static CkStatus
take_grid(CkScan *scan)
{
	HttpScan   *http = scan->state;
	HttpWindows *w = &http->windows;
	const HttpCursor *cursor = &http->table->cursor;
	HttpText	text = {0};
	CkStatus	status = write_param(scan, &text, cursor->grid);

	w->grid = status == CK_OK && text.data ? distance_of(text.data) : 0;
	text_free(&text);
	if (status != CK_OK)
		return status;
	if (w->grid <= 0)
	{
		ck_fail(scan->session, CK_ERR_OPTION, "the parameter \"%s\" of table \"%s\" is no distance of times", cursor->grid,
				http->name);
		ck_hint(scan->session, "Seconds are expected, or a number with ms, s, m, h, d, w or y: 15, 5m, 1h30m.");
		return CK_ERR_OPTION;
	}
	w->step = w->step / w->grid < cursor->points ? w->step / w->grid : cursor->points;
	w->step = (w->step > 0 ? w->step : 1) * w->grid;
	/* rows are at its multiples, wherever a request begins */
	if (w->from % w->grid != 0)
		w->from += (w->from < 0 ? 0 : w->grid) - w->from % w->grid;
	return CK_OK;
}

/* Finds the conditions that are bounds of the cursor. */
static bool
find_bounds(HttpScan *http, const HttpCondition **upper)
{
	bool		found = false;

	*upper = NULL;
	for (uint32_t i = 0; i < http->nconditions; i++)
	{
		const HttpCondition *c = &http->conditions[i];

		if (strcmp(c->filter->column, http->table->cursor.column) != 0 || c->nall != 1 ||
			(c->all->type != CK_TIMESTAMP && c->all->type != CK_TIMESTAMPTZ))
			continue;
		if (!found && (c->op & (FILTER_GREATER | FILTER_GREATER_EQUAL)))
		{
			http->windows.lower = i;
			found = true;
		}
		if (!*upper && (c->op & (FILTER_LESS | FILTER_LESS_EQUAL)))
		{
			http->windows.upper = i;
			*upper = c;
		}
	}
	return found;
}

/* Adds the upper bound that a query leaves out. */
static CkStatus
add_upper(CkScan *scan, CkType type)
{
	HttpScan   *http = scan->state;
	HttpCondition *c = &http->conditions[http->nconditions];

	if (http->nconditions == HTTP_CONDITIONS)
		return ck_fail(scan->session, CK_ERR_UNSUPPORTED, "these are too many conditions");
	c->op = FILTER_LESS_EQUAL;
	c->filter = http_find_filter(http->table, http->table->cursor.column, NULL, FILTER_LESS_EQUAL);
	if (!c->filter)
	{
		c->op = FILTER_LESS;
		c->filter = http_find_filter(http->table, http->table->cursor.column, NULL, FILTER_LESS);
	}
	c->all = calloc(1, sizeof(CkValue));
	if (!c->all)
		return ck_fail(scan->session, CK_ERR_MEMORY, "out of memory");
	c->all->type = type;
	c->nall = 1;
	c->from = 0;
	http->windows.upper = http->nconditions++;
	return CK_OK;
}

CkStatus
http_take_windows(CkScan *scan)
{
	HttpScan   *http = scan->state;
	HttpWindows *w = &http->windows;
	const HttpCursor *cursor = &http->table->cursor;
	const HttpCondition *upper;
	CkStatus	status = CK_OK;

	memset(w, 0, sizeof(*w));
	if (!cursor->step || http->nothing || !find_bounds(http, &upper))
		return CK_OK;
	w->used = true;
	w->step = cursor->step;
	w->from = http->conditions[w->lower].all->u.i;
	/* by a second later, as a moment that is told in seconds may be */
	w->to = upper ? upper->all->u.i : (int64_t) time(NULL) * SECOND + (cursor->grid ? 0 : SECOND);
	w->open = !upper && !cursor->now;
	if (!upper)
		status = add_upper(scan, http->conditions[w->lower].all->type);
	if (status == CK_OK && cursor->grid)
		status = take_grid(scan);
	w->at = w->from;
	/* what is asked for without an end may lie ahead */
	http->nothing |= w->from > w->to && !w->open;
	return status;
}

/* Whether the range that begins there is the last. */
static bool
is_last(const HttpWindows *w, int64_t from)
{
	return from >= w->to - w->step;
}

bool
http_next_window(HttpScan *http)
{
	HttpWindows *w = &http->windows;
	bool		more = w->used && !is_last(w, w->at);

	w->at = more ? w->at + w->step : w->from;
	return more;
}

void
http_set_window(const HttpScan *http, HttpPage *page)
{
	const HttpWindows *w = &http->windows;
	bool		last = is_last(w, w->at);

	if (!w->used)
		return;
	page->from = w->at == w->from ? INT64_MIN : w->at;
	page->to = last ? INT64_MAX : w->at + w->step;
	page->bounds[0] = page->bounds[1] = *http->conditions[w->lower].all;
	page->bounds[0].u.i = w->at;
	/* rows of a grid stand before an edge, or at it */
	page->bounds[1].u.i = last ? w->to : page->to - w->grid;
	page->values[w->lower] = (HttpValues) {.args = &page->bounds[0], .nargs = 1};
	page->values[w->upper] = (HttpValues) {.args = &page->bounds[1], .nargs = last && w->open ? 0 : 1};
}

/* Digits of a date or time. */
static bool
take_digits(const char **text, const char *end, int count, int *number)
{
	*number = 0;
	for (int i = 0; i < count; i++, (*text)++)
	{
		if (*text >= end || **text < '0' || **text > '9')
			return false;
		*number = *number * 10 + (**text - '0');
	}
	return true;
}

/* What stands behind a time: Z, +01:00, +0100 or +01; without one it is none's, or 0. */
static bool
take_zone(const char *c, const char *end, bool wanted, int64_t *offset)
{
	int			hours = 0,
				minutes = 0;
	char		sign = c < end ? *c : '\0';

	*offset = 0;
	if (c == end)
		return !wanted;
	c++;
	if (sign == 'Z' || sign == 'z')
		return c == end;
	if ((sign != '+' && sign != '-') || !take_digits(&c, end, 2, &hours))
		return false;
	if (c < end && *c == ':')
		c++;
	if (c < end && !take_digits(&c, end, 2, &minutes))
		return false;
	/* a column without a zone passes over it */
	*offset = wanted ? (sign == '-' ? -1 : 1) * (hours * 60 + minutes) * 60 * SECOND : 0;
	return c == end;
}

/* A moment in ISO 8601. */
static bool
read_time(const char *text, size_t size, bool zone, int64_t *moment)
{
	const char *c = text,
			   *end = text + size;
	struct tm	parts = {0};
	int64_t		fraction = 0,
				unit = SECOND,
				offset;

	if (!take_digits(&c, end, 4, &parts.tm_year) || c == end || *c++ != '-' || !take_digits(&c, end, 2, &parts.tm_mon) ||
		c == end || *c++ != '-' || !take_digits(&c, end, 2, &parts.tm_mday) || c == end || !strchr("Tt ", *c++) ||
		!take_digits(&c, end, 2, &parts.tm_hour) || c == end || *c++ != ':' || !take_digits(&c, end, 2, &parts.tm_min))
		return false;
	if (c < end && *c == ':' && (c++, !take_digits(&c, end, 2, &parts.tm_sec)))
		return false;
	if (c < end && *c == '.')
		for (c++; c < end && *c >= '0' && *c <= '9'; c++)
			fraction += (*c - '0') * (unit /= 10);
	if (!take_zone(c, end, zone, &offset))
		return false;
	parts.tm_year -= 1900;
	parts.tm_mon--;
	*moment = (int64_t) timegm(&parts) * SECOND + fraction - offset;
	return true;
}

CkStatus
http_in_window(CkScan *scan)
{
	HttpScan   *http = scan->state;
	const HttpPage *page = http->page;
	const HttpCondition *lower = &http->conditions[http->windows.lower];
	const HttpColumn *column;
	HttpFormat	format;
	const JsonNode *node;
	const char *text;
	int64_t		moment;

	if (!http->windows.used || (page->from == INT64_MIN && page->to == INT64_MAX))
		return CK_OK;
	column = http_column(http->table, lower->filter->column);
	format = column ? column->format : FORMAT_PLAIN;
	node = &page->record->nodes[http_find(page, lower->filter->at)];
	/* nothing meets the condition without a value */
	if (node == page->record->nodes || node->kind == JSON_KIND_NULL)
		return CK_END;
	text = page->record->bytes + node->text;
	if (format == FORMAT_UNIX || format == FORMAT_UNIX_MS ? http_read_moment(text, node->text_size, format, &moment) :
		read_time(text, node->text_size, lower->all->type == CK_TIMESTAMPTZ, &moment))
		return moment >= page->from && moment < page->to ? CK_OK : CK_END;
	ck_fail(scan->session, CK_ERR_DATA, "a value of \"%s\" cannot be read as a time", lower->filter->column);
	ck_hint(scan->session, "Say the column's format, or leave step out of the table's cursor.");
	return CK_ERR_DATA;
}
