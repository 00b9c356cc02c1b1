/*
 * rate.c: how long a source wants to be left alone, by its replies, and how often it may be asked.
 */
#include "http_source.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

/* Milliseconds that the first wait may have where the source does not tell, doubled for each further; and the longest. */
#define FIRST_WAIT_MS 250
#define LONGEST_BACKOFF_MS 30000

/* As long as a source's wish holds without its being asked again. */
#define LONGEST_HOLD_MS 3600000

/* Copies the value of a header; false: there is none, or it is too long. */
static bool
header_text(const CkHttpReply *reply, const char *name, char *text, size_t room)
{
	size_t		size;
	const char *value = ck_http_header(reply, name, &size);

	if (!value || size == 0 || size >= room)
		return false;
	memcpy(text, value, size);
	text[size] = '\0';
	return true;
}

/* A moment as HTTP or ISO 8601 writes it, in seconds since 1970; -1: it is none. */
static double
parse_moment(const char *text)
{
	struct tm	t = {0};
	int			hours = 0,
				minutes = 0,
				end = 0;
	char		sign = 'Z';

	if (sscanf(text, "%4d-%2d-%2d%*[T ]%2d:%2d:%2d%n", &t.tm_year, &t.tm_mon, &t.tm_mday, &t.tm_hour, &t.tm_min, &t.tm_sec,
			   &end) < 6 || end == 0)
		return (double) curl_getdate(text, NULL);
	end += (int) strspn(text + end, ".0123456789");
	(void) sscanf(text + end, "%c%2d:%2d", &sign, &hours, &minutes);
	t.tm_year -= 1900;
	t.tm_mon--;
	return (double) timegm(&t) - (sign == '-' ? -60.0 : sign == '+' ? 60.0 : 0.0) * (hours * 60 + minutes);
}

/* Milliseconds until a time of a reply, by the source's own clock where it tells that. */
static int64_t
until(const CkHttpReply *reply, double moment)
{
	char		date[64];
	time_t		now = header_text(reply, "Date", date, sizeof(date)) ? curl_getdate(date, NULL) : -1;
	double		ms = (moment - (double) (now < 0 ? time(NULL) : now)) * 1000;

	return ms <= 0 ? 0 : ms > 1e15 ? (int64_t) 1e15 : (int64_t) ms;
}

/* Milliseconds until requests are welcome again, by a header; -1: it does not tell. */
static int64_t
read_reset(const CkHttpReply *reply, const char *text, HttpResetForm form)
{
	char	   *end;
	double		number = strtod(text, &end);
	bool		numeric = end != text && !*end && number >= 0 && number < 1e18;
	double		moment;

	if (form == RESET_ANY && numeric)
		form = number >= 1e11 ? RESET_UNIX_MS : number >= 1e9 ? RESET_UNIX : RESET_SECONDS;
	if (form == RESET_ANY || form == RESET_ISO)
	{
		moment = parse_moment(text);
		return moment < 0 ? -1 : until(reply, moment);
	}
	if (!numeric)
		return -1;
	return form == RESET_SECONDS ? (int64_t) (number > 1e12 ? 1e15 : number * 1000) :
		until(reply, form == RESET_UNIX ? number : number / 1000);
}

/* What a reply tells of the requests that are left, and of when there will be more; -1: nothing. */
static void
read_rate(const HttpScan *http, const CkHttpReply *reply, int64_t *remaining, int64_t *reset_ms)
{
	static const char *const usual[][2] = {
		{"X-RateLimit-Remaining", "X-RateLimit-Reset"}, {"RateLimit-Remaining", "RateLimit-Reset"},
		{"X-Rate-Limit-Remaining", "X-Rate-Limit-Reset"}
	};
	const HttpRateLimit *limit = &http->table->rate_limit;
	char		text[64];
	bool		own;

	if (!limit->remaining && !limit->reset)
		limit = &http->manifest->rate_limit;
	own = limit->remaining || limit->reset;
	*remaining = *reset_ms = -1;
	for (size_t i = 0; i < (own ? 1 : sizeof(usual) / sizeof(usual[0])); i++)
	{
		const char *left = own ? limit->remaining : usual[i][0];
		const char *reset = own ? limit->reset : usual[i][1];

		if (*remaining < 0 && left && header_text(reply, left, text, sizeof(text)) && text[0] >= '0' && text[0] <= '9')
			*remaining = atoll(text);
		if (*reset_ms < 0 && reset && header_text(reply, reset, text, sizeof(text)))
			*reset_ms = read_reset(reply, text, limit->reset_in);
	}
}

bool
http_rate_is_used_up(const HttpScan *http, const CkHttpReply *reply)
{
	int64_t		remaining,
				reset_ms;
	size_t		size;

	read_rate(http, reply, &remaining, &reset_ms);
	return remaining == 0 || ck_http_header(reply, "Retry-After", &size);
}

int64_t
http_retry_after(const CkHttpReply *reply)
{
	char		text[64];

	return header_text(reply, "Retry-After", text, sizeof(text)) ? read_reset(reply, text, RESET_ANY) : -1;
}

int64_t
http_wait_wanted(const HttpScan *http, const CkHttpReply *reply)
{
	int64_t		remaining,
				reset_ms,
				ms = http_retry_after(reply);

	read_rate(http, reply, &remaining, &reset_ms);
	return ms >= 0 ? ms : remaining <= 0 ? reset_ms : -1;
}

int64_t
http_backoff(int attempts)
{
	int64_t		longest = FIRST_WAIT_MS;
	uint32_t	random = 0;

	while (--attempts >= 0 && longest < LONGEST_BACKOFF_MS)
		longest *= 2;
	longest = longest < LONGEST_BACKOFF_MS ? longest : LONGEST_BACKOFF_MS;
	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		return longest;
	return (int64_t) (random % (uint64_t) (longest + 1));
}

CkStatus
http_hold(CkSession *session, int64_t ms, bool shared)
{
	return ck_hold(session, ms < LONGEST_HOLD_MS ? ms : LONGEST_HOLD_MS, shared);
}

CkStatus
http_note_rate(CkScan *scan, const CkHttpReply *reply)
{
	int64_t		remaining,
				reset_ms;

	read_rate(scan->state, reply, &remaining, &reset_ms);
	return remaining == 0 && reset_ms > 0 ? http_hold(scan->session, reset_ms, true) : CK_OK;
}

CkStatus
http_admit(CkScan *scan, bool wait)
{
	const HttpScan *http = scan->state;
	const HttpOptions *own = scan->session->options;
	const HttpRateLimit *limit = &http->manifest->rate_limit;
	int64_t		requests = own->max_requests ? own->max_requests : limit->requests;
	int64_t		seconds = own->max_requests ? own->max_requests_seconds : limit->seconds;

	return ck_admit(scan->session, requests, seconds * 1000, http->options->max_wait * 1000, wait);
}
