/*
 * budget.c: how often sources may be asked, counted for all backends in a file of the data directory.
 *
 * A file and no shared memory, so that it holds without shared_preload_libraries too. Its lock ends with the process that has
 * it, and what a place says is good at any time: a crash leaves nothing to clean up. It begins anew with the server.
 */
#include "postgres.h"

#include <sys/file.h>
#include <unistd.h>

#include "common/hashfn.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/fd.h"
#include "utils/timestamp.h"

#include "budget.h"
#include "session.h"

/* Where neither a base backup nor a restart of the server looks for what is to stay. */
#define BUDGET_FILE PG_STAT_TMP_DIR "/connkit_requests"

/* Places for sources, in groups; one that a source may have is of the group that its key tells. */
#define GROUPS 64
#define GROUP_PLACES 64

/* An interval has so many parts, and one more is counted, so that no interval, wherever it begins, holds too many requests. */
#define PARTS 16

/* Of a source, and of a source and user. All zero: free. */
typedef struct Place
{
	Oid			database;
	Oid			serverid;
	Oid			userid;			/* invalid: requests are counted; else they are held back */
	uint32		counts[PARTS + 1];	/* of part n in n % (PARTS + 1) */
	int64		part;			/* number of the last one that has a request */
	int64		part_us;		/* its length */
	int64		until_us;		/* no request before */
} Place;

/* The file's begin; the groups follow. */
typedef struct Header
{
	uint64		magic;			/* and layout */
	TimestampTz started;		/* of the server */
} Header;

#define MAGIC (UINT64CONST(0x636b627564670000) + sizeof(Place))

/* Microseconds of the clock that all processes share, and that only goes forward. */
static int64
clock_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64) now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* Opens the file and locks it; -1, and errno, where that cannot be done. Closing it gives the lock back. */
static int
budget_open(void)
{
	int			fd = BasicOpenFile(BUDGET_FILE, O_RDWR | O_CREAT | PG_BINARY);
	Header		header = {0};
	int			locked;

	if (fd < 0)
		return -1;
	do
		locked = flock(fd, LOCK_EX);
	while (locked != 0 && errno == EINTR);
	if (locked == 0 && pg_pread(fd, &header, sizeof(header), 0) == sizeof(header) && header.magic == MAGIC &&
		header.started == PgStartTime)
		return fd;
	header.magic = MAGIC;
	header.started = PgStartTime;
	if (locked == 0 && ftruncate(fd, 0) == 0 && pg_pwrite(fd, &header, sizeof(header), 0) == sizeof(header))
		return fd;
	close(fd);
	return -1;
}

/* The number of the part at hand, which is never less than that of parts. */
static int64
part_number(int64 now, int64 part_us)
{
	return now / part_us + PARTS + 1;
}

/* Whether a place says the same as a free one. */
static bool
place_is_free(const Place *place, int64 now)
{
	return place->until_us <= now && (place->part_us <= 0 || part_number(now, place->part_us) > place->part + PARTS);
}

/* Finds a source's place in its group, or a free one: its number in the group; -1: all are taken. */
static int
place_find(const Place *group, const Place *wanted, int64 now)
{
	int			free_place = -1;

	for (int i = 0; i < GROUP_PLACES; i++)
	{
		const Place *place = &group[i];

		if (place->database == wanted->database && place->serverid == wanted->serverid && place->userid == wanted->userid)
			return i;
		if (free_place < 0 && place_is_free(place, now))
			free_place = i;
	}
	return free_place;
}

/* Counts a request of one that may be sent now; else tells how many microseconds are to be waited, and counts nothing. */
static int64
place_count(Place *place, int64 requests, int64 per_ms, int64 now)
{
	int64		part_us = (per_ms * 1000 + PARTS - 1) / PARTS;
	int64		part = part_number(now, part_us);
	int64		first = part - PARTS;
	int64		sum = 0;

	if (place->part_us != part_us || place->part > part)
	{
		memset(place->counts, 0, sizeof(place->counts));
		place->part_us = part_us;
		place->part = part;
	}
	/* those between were without requests */
	for (int64 i = Max(place->part, first - 1) + 1; i <= part; i++)
		place->counts[i % (PARTS + 1)] = 0;
	place->part = part;
	for (int i = 0; i <= PARTS; i++)
		sum += place->counts[i];
	if (sum < requests)
	{
		place->counts[part % (PARTS + 1)]++;
		return 0;
	}
	/* until enough parts lie too far back */
	while (first < part && sum - place->counts[first % (PARTS + 1)] >= requests)
		sum -= place->counts[first++ % (PARTS + 1)];
	return first * part_us - now;
}

/* What is done with a place: *left microseconds are to be waited, 0: none. */
typedef void (*PlaceUse) (Place *place, int64 now, void *arg, int64 *left);

/* Looks at the place of the session's source, or of that and its user, and writes it back. */
static CkStatus
place_use(Session *session, bool of_user, PlaceUse use, void *arg, int64 *left)
{
	Place		group[GROUP_PLACES] = {0};
	Place		wanted = {.database = MyDatabaseId, .serverid = session->serverid,
	.userid = of_user ? session->userid : InvalidOid};
	uint32		number = hash_bytes((const unsigned char *) &wanted, 3 * sizeof(Oid)) % GROUPS;
	off_t		offset = sizeof(Header) + number * sizeof(group);
	int			fd = budget_open();
	int64		now = clock_us();
	bool		good = fd >= 0 && pg_pread(fd, group, sizeof(group), offset) >= 0;
	int			i = good ? place_find(group, &wanted, now) : -1;

	*left = 0;
	if (i >= 0)
	{
		if (group[i].database != wanted.database || group[i].serverid != wanted.serverid || group[i].userid != wanted.userid)
			group[i] = wanted;
		use(&group[i], now, arg, left);
		good = pg_pwrite(fd, &group[i], sizeof(Place), offset + i * sizeof(Place)) == sizeof(Place);
	}
	if (good && i >= 0)
	{
		close(fd);
		return CK_OK;
	}
	ck_fail(&session->pub, good ? CK_ERR_BUSY : CK_ERR_INTERNAL, "requests cannot be counted: %s",
			good ? "there are too many sources" : strerror(errno));
	ck_hint(&session->pub, "They are counted in the file " BUDGET_FILE " of the data directory.");
	if (fd >= 0)
		close(fd);
	return good ? CK_ERR_BUSY : CK_ERR_INTERNAL;
}

/* How long the user's requests are held back. */
static void
use_held(Place *place, int64 now, void *arg, int64 *left)
{
	*left = Max(place->until_us - now, 0);
}

static void
use_hold(Place *place, int64 now, void *arg, int64 *left)
{
	place->until_us = Max(place->until_us, now + *(int64 *) arg * 1000);
}

/* Counts a request. */
static void
use_count(Place *place, int64 now, void *arg, int64 *left)
{
	const int64 *limit = arg;

	*left = place_count(place, limit[0], limit[1], now);
}

CkStatus
budget_hold(CkSession *pub, int64_t ms, bool shared)
{
	Session    *session = (Session *) pub;
	int64		left;
	int64		longest = 366 * INT64CONST(86400000);

	ms = Min(ms, longest);
	session->held_until_ms = Max(session->held_until_ms, pub->host->now_ms() + ms);
	if (!shared || !OidIsValid(session->serverid) || ms <= 0)
		return CK_OK;
	return place_use(session, true, use_hold, &ms, &left);
}

/* Tells that a request would have to wait for too long. */
static CkStatus
fail_wait(Session *session, int64 left_ms, bool held)
{
	TimestampTz until = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), left_ms);

	ck_fail(&session->pub, CK_ERR_BUSY, held ? "the source wants no request before %s" :
			"max_requests allows no further request before %s", timestamptz_to_str(until));
	ck_hint(&session->pub, "Try again after that, or let requests wait longer by the option max_wait.");
	return CK_ERR_BUSY;
}

CkStatus
budget_admit(CkSession *pub, int64_t requests, int64_t per_ms, int64_t longest_ms, bool wait)
{
	Session    *session = (Session *) pub;
	int64		begin = pub->host->now_ms();
	int64		limit[] = {requests, per_ms};

	for (;;)
	{
		int64		now = pub->host->now_ms();
		int64		left = 0;
		bool		held;
		CkStatus	status = CK_OK;

		if (OidIsValid(session->serverid))
			status = place_use(session, true, use_held, NULL, &left);
		left = Max((left + 999) / 1000, session->held_until_ms - now);
		held = left > 0;
		if (status == CK_OK && !held && requests > 0 && OidIsValid(session->serverid))
		{
			status = place_use(session, false, use_count, limit, &left);
			left = (left + 999) / 1000;
		}
		if (status != CK_OK || left <= 0)
			return status;
		if (!wait)
			return CK_END;
		if (now + left > begin + longest_ms)
			return fail_wait(session, left, held);
		status = session_pause(session, left);
		if (status != CK_OK)
			return status;
	}
}
