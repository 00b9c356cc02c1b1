"""cron.py: the property test of schedules.

A schedule is made as text and, beside it, as what it means: the times of day that it takes, and a question put to a date.
From that the runs are found by looking at the clock of the zone minute by minute (second by second where it has seconds),
as the rule in src/worker/cron.h says it, and by nothing cleverer. Where many years are to be covered, day by day.
"""
import calendar
import datetime as dt
import os
import random
import subprocess
import sys
import time
import zoneinfo

SEED = int(os.environ.get("CK_CRON_SEED", "1"))
FACTOR = float(os.environ.get("CK_CRON_FACTOR", "1"))
DAY = 86400
UTC = dt.timezone.utc
EPOCH = dt.date(1970, 1, 1)
MONTHS = "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split()
WEEKDAYS = "SUN MON TUE WED THU FRI SAT".split()

# A name and the years in which its clock changes in a way worth a look.
ZONES = [
	("UTC", 2000, 2030),
	("Europe/Berlin", 1990, 2036),
	("Europe/London", 1968, 2036),
	("Europe/Dublin", 1990, 2036),			# summer is standard time
	("America/New_York", 1990, 2036),
	("America/St_Johns", 1987, 2012),		# at 00:01, and by two hours in 1988
	("Australia/Lord_Howe", 1986, 2036),	# by 30 minutes
	("Pacific/Apia", 2009, 2022),			# has no 30 December 2011
	("Pacific/Kwajalein", 1990, 1996),		# has no 21 August 1993
	("America/Sao_Paulo", 1990, 2020),		# days that begin at 01:00
	("Africa/Cairo", 2005, 2036),
	("Asia/Beirut", 1995, 2036),
	("America/Havana", 2000, 2036),
	("Asia/Gaza", 2005, 2036),
	("Africa/Casablanca", 2008, 2036),		# back for Ramadan
	("Antarctica/Troll", 2006, 2036),		# by two hours
	("Antarctica/Casey", 2008, 2024),		# by three, and by eleven minutes' neighbours
	("Asia/Pyongyang", 2014, 2019),			# by 30 minutes for good
	("Asia/Kathmandu", 1985, 1988),			# by 15 minutes
	("America/Caracas", 2006, 2018),
	("America/Scoresbysund", 2000, 2036),
]


class Schedule:
	"""Text, the seconds of day that it takes, and whether a date is one of its own."""

	def __init__(self, text, times, on_date, every_hour):
		self.text = text
		self.times = times
		self.on_date = on_date
		self.every_hour = every_hour
		self.known = {}

	def on_day(self, day):
		"""Days count from 1970."""
		if day not in self.known:
			self.known[day] = self.on_date(EPOCH + dt.timedelta(days=day))
		return self.known[day]


#
# Making schedules
#

def case(rng, word):
	return rng.choice([word, word.lower(), word.capitalize()])


def write(rng, value, names, low):
	if names and rng.random() < 0.5:
		return case(rng, names[(value - low) % len(names)])
	if rng.random() < 0.1:
		return "%02d" % value
	return str(value)


def range_of(first, last, low, high):
	"""From first to last, from high on to low."""
	values = [first]
	while values[-1] != last:
		values.append(low if values[-1] == high else values[-1] + 1)
	return values


def item(rng, low, high, names=None, favourites=None):
	"""One part of a list: its text, and the values it takes."""
	sunday = names is WEEKDAYS
	any_value = lambda: rng.choice(favourites) if favourites and rng.random() < 0.7 else rng.randint(low, high)
	kind = rng.choice(["value", "value", "range", "range", "range step", "star step", "from step"])
	step = rng.randint(1, min(high - low + 1, rng.choice([3, 10, 60])))
	first, last = any_value(), any_value()
	say = lambda value: "7" if sunday and value == 0 and rng.random() < 0.3 else write(rng, value, names, low)
	if kind == "value":
		return say(first), [first]
	if kind == "star step":
		return "*/%d" % step, list(range(low, high + 1))[::step]
	if kind == "from step":
		return "%s/%d" % (say(first), step), list(range(first, high + 1))[::step]
	values = range_of(first, last, low, high)
	if sunday and first == last == 0:
		say = lambda value: "7"			# 0-7 are all days
	if kind == "range":
		return "%s-%s" % (say(first), say(last)), values
	return "%s-%s/%d" % (say(first), say(last), step), values[::step]


def values_field(rng, low, high, star=0.4, names=None, favourites=None):
	"""A field of values: its text, and the set of them."""
	if rng.random() < star:
		return rng.choice(["*", "*", "*", "?", "*/1"]), set(range(low, high + 1))
	parts = [item(rng, low, high, names, favourites) for _ in range(rng.choice([1, 1, 1, 2, 3]))]
	return ",".join(text for text, _ in parts), set().union(*(values for _, values in parts))


def days_in(date):
	return calendar.monthrange(date.year, date.month)[1]


def is_nearest(date, day):
	"""Whether of all working days of its month the date is the one nearest to that day, which the month must have."""
	if day > days_in(date):
		return False
	working = [d for d in range(1, days_in(date) + 1) if dt.date(date.year, date.month, d).isoweekday() <= 5]
	return date.day == min(working, key=lambda d: abs(d - day))


def month_day_item(rng, favourites):
	kind = rng.choice(["plain"] * 4 + ["L", "$", "L-", "W", "LW"])
	if kind == "plain":
		text, values = item(rng, 1, 31, None, favourites)
		return text, lambda date: date.day in values
	day = rng.randint(1, 31)
	back = rng.randint(0, 30)
	return {
		"L": (case(rng, "L"), lambda date: date.day == days_in(date)),
		"$": ("$", lambda date: date.day == days_in(date)),
		"L-": ("L-%d" % back, lambda date: date.day + back == days_in(date)),
		"W": (case(rng, "%dW" % day), lambda date: is_nearest(date, day)),
		"LW": (case(rng, "LW"), lambda date: is_nearest(date, days_in(date))),
	}[kind]


def weekday_item(rng):
	kind = rng.choice(["plain"] * 4 + ["L", "#"])
	if kind == "plain":
		text, values = item(rng, 0, 6, WEEKDAYS)
		return text, lambda date: date.isoweekday() % 7 in values
	day = rng.randint(0, 7)
	week = rng.randint(1, 5)
	said = case(rng, WEEKDAYS[day % 7]) if rng.random() < 0.5 else str(day)
	if kind == "L":
		return said + case(rng, "L"), lambda date: (date.isoweekday() % 7 == day % 7 and
													(date + dt.timedelta(days=7)).month != date.month)
	return "%s#%d" % (said, week), lambda date: (date.isoweekday() % 7 == day % 7 and
												 (date - dt.timedelta(days=7 * week)).month != date.month and
												 (date - dt.timedelta(days=7 * (week - 1))).month == date.month)


def date_field(rng, star, make_item):
	"""A field of days: its text, whether a date is one of them, whether the field is restricted."""
	if rng.random() < star:
		return rng.choice(["*", "*", "?"]), lambda date: True, False
	parts = [make_item(rng) for _ in range(rng.choice([1, 1, 2]))]
	text = ",".join(text for text, _ in parts)
	return text, lambda date: any(is_one(date) for _, is_one in parts), text[0] not in "*?"


def make(rng, star=0.6, hours=None, days=None, seconds=False, sparse=False):
	"""A schedule; hours and days are those that it shall rather have, sparse ones come a few times a day at the most."""
	second_text, second = values_field(rng, 0, 59, 0.3) if seconds else ("0", {0})
	minute_text, minute = values_field(rng, 0, 59, 0.2)
	hour_text, hour = values_field(rng, 0, 23, 0.25, None, hours)
	if sparse:
		minute_text, minute = [(str(m), {m}) for m in [rng.randint(0, 59)]][0]
		hour_text, hour = [(str(h), {h}) for h in [rng.randint(0, 23)]][0]
	month_text, month = values_field(rng, 1, 12, max(star, 0.4), MONTHS)
	dom_text, dom, dom_restricted = date_field(rng, star, lambda rng: month_day_item(rng, days))
	dow_text, dow, dow_restricted = date_field(rng, star, weekday_item)
	either = dom_restricted and dow_restricted

	def on_date(date):
		if date.month not in month:
			return False
		return dom(date) or dow(date) if either else dom(date) and dow(date)

	words = [minute_text, hour_text, dom_text, month_text, dow_text]
	if seconds or rng.random() < 0.05:
		words.insert(0, second_text)
	text = rng.choice([" ", " ", " ", "  ", "\t"]).join(words)
	times = {h * 3600 + m * 60 + s for h in hour for m in minute for s in second}
	return Schedule(text, times, on_date, len(hour) == 24)


#
# The clocks
#

def offset_at(zone, instant):
	offset = dt.datetime.fromtimestamp(instant, zone).utcoffset()
	return offset.days * DAY + offset.seconds


def changes_of(zone, begin, end):
	"""The instants at which the zone's clock is put forward or back."""
	found = []
	for before in range(begin, end, DAY):
		low, high = before, before + DAY
		if offset_at(zone, low) != offset_at(zone, high):
			while high - low > 1:
				middle = (low + high) // 2
				if offset_at(zone, middle) == offset_at(zone, low):
					low = middle
				else:
					high = middle
			found.append(high)
	return found


def walk(zone, schedules, begin, end, step, lead):
	"""Looks at the zone's clock every step seconds, from a lead before begin on; lists each schedule's runs until end."""
	runs = [[] for _ in schedules]
	latest = None					# that the clock has shown
	for instant in range(begin - lead, end, step):
		wall = instant + offset_at(zone, instant)
		if latest is None:
			latest = wall - step
		passed = range(latest + step, wall + step, step)
		for schedule, found in zip(schedules, runs):
			for shown in (wall,) if schedule.every_hour else passed:
				if shown % DAY in schedule.times and schedule.on_day(shown // DAY):
					if instant >= begin:
						found.append(instant)
					break
		latest = max(latest, wall)
	return runs


def first_instant(zone, wall):
	"""The first instant at which the clock shows that or later, by what the zone's rules say of a local time."""
	local = dt.datetime(1970, 1, 1) + dt.timedelta(seconds=wall)
	instant = int(local.replace(tzinfo=zone, fold=0).timestamp())
	if instant + offset_at(zone, instant) == wall:
		return instant
	return changes_of(zone, instant - 2 * DAY, instant + 2 * DAY)[0]


def by_days(zone, schedule, begin, end):
	"""The runs of a schedule that names hours, in (begin, end), day by day."""
	found = set()
	for day in range(begin // DAY - 2, end // DAY + 2):
		if schedule.on_day(day):
			found.update(first_instant(zone, day * DAY + time) for time in schedule.times)
	return sorted(instant for instant in found if begin < instant < end)


#
# Questions
#

class Suite:
	def __init__(self):
		self.questions = []			# schedule, zone, after, count
		self.checks = {}			# group -> (question, expected, end or None)
		self.notes = {}
		self.number = 0

	def ask(self, group, text, zone, after, expected, end=None):
		"""The runs after that instant must be those; with end, there must be no more before it. All in microseconds."""
		self.questions.append((text, zone, after, len(expected) + (end is not None)))
		self.checks.setdefault(group, []).append((len(self.questions) - 1, expected, end))

	def answers(self):
		rows = "".join("%d\t%s\t%s\t%d\t%d\n" % (number, text.replace("\\", "\\\\").replace("\t", "\\t"), zone, after, count)
					   for number, (text, zone, after, count) in enumerate(self.questions))
		psql(["-c", "TRUNCATE question", "-c", "\\copy question FROM pstdin"], rows)
		answers = psql(["-At", "-c", "SELECT answer(q) FROM question AS q ORDER BY id"]).split("\n")
		return answers[:len(self.questions)]

	def compare(self):
		answers = self.answers()
		for group, checks in self.checks.items():
			wrong = []
			for question, expected, end in checks:
				answer = answers[question]
				got = [int(word) for word in answer.split(",") if word] if not answer.startswith("error") else None
				if got is not None and end is not None:
					more = got[len(expected):]
					if got[:len(expected)] == expected and all(instant >= end for instant in more):
						continue
				elif got == expected:
					continue
				wrong.append((question, expected, got if got is not None else answer))
			runs = sum(len(expected) for _, expected, _ in checks)
			self.tell(not wrong, "%s: %d questions, %d runs" % (group, len(checks), runs))
			for question, expected, got in wrong[:3]:
				text, zone, after, _ = self.questions[question]
				print("# %d of %d wrong: \"%s\" in %s after %s" % (len(wrong), len(checks), text, zone, say(after)))
				print("#   expected %s\n#   got      %s" % first_difference(expected, got))

	def tell(self, ok, name):
		self.number += 1
		print("%s %d - %s" % ("ok" if ok else "not ok", self.number, name), flush=True)


def say(instant):
	moment = dt.datetime(1970, 1, 1, tzinfo=UTC) + dt.timedelta(microseconds=instant)
	return moment.isoformat(" ")


def first_difference(expected, got):
	if isinstance(got, str):
		return " ".join(say(i) for i in expected[:3]), got
	place = next((i for i, pair in enumerate(zip(expected, got)) if pair[0] != pair[1]), min(len(expected), len(got)))
	begin = max(place - 1, 0)
	return tuple("… " + " ".join(say(i) for i in list[begin:place + 3]) for list in (expected, got))


def psql(words, text=""):
	command = ["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", os.environ["CK_PGHOST"], "-p", os.environ["CK_PGPORT"],
			   "-U", "postgres", "-d", "cron"]
	done = subprocess.run(command + words, input=text.encode(), stdout=subprocess.PIPE, check=True)
	return done.stdout.decode()


def micro(instants):
	return [instant * 1000000 for instant in instants]


def scaled(number):
	return max(int(number * FACTOR), 1)


#
# The classes of questions
#

def ask_changes(suite, rng, name, zone, changes):
	"""Three days around a change, minute by minute; and starts at any microsecond of them."""
	for change in rng.sample(changes, min(len(changes), scaled(12))):
		begin, end = change - 30 * 3600, change + 42 * 3600
		begin, end = begin - begin % 60, end - end % 60
		locals = [dt.datetime.fromtimestamp(change + distance, zone) for distance in (-3601, -1, 0, 3600)]
		hours = sorted({local.hour for local in locals} | {(locals[1].hour + 1) % 24})
		days = sorted({(locals[0].date() + dt.timedelta(days=n)).day for n in range(-1, 3)})
		schedules = [make(rng, rng.choice([0.8, 0.95]), hours, days) for _ in range(8)]
		for schedule, runs in zip(schedules, walk(zone, schedules, begin, end, 60, 2 * DAY)):
			# begin is an instant of the walk: a run at begin itself is not after it
			suite.ask("%s, changes of the clock" % name, schedule.text, name, begin * 1000000 - 1, micro(runs), end * 1000000)
			for _ in range(4):
				after = rng.randint(max(begin, change - 3 * 3600) * 1000000, min(end, change + 3 * 3600) * 1000000)
				later = [run for run in micro(runs) if run > after]
				if later:
					suite.ask("%s, starts around them" % name, schedule.text, name, after, later[:2])


def ask_seconds(suite, rng, name, zone, changes):
	"""Three hours around a change, second by second."""
	for change in rng.sample(changes, min(len(changes), scaled(2))):
		begin, end = change - 3600, change + 2 * 3600
		local = dt.datetime.fromtimestamp(change, zone)
		hours = sorted({(local.hour + n) % 24 for n in (-2, -1, 0, 1)})
		schedules = [make(rng, 0.95, hours, None, True) for _ in range(6)]
		lead = 4 * 3600
		for schedule, runs in zip(schedules, walk(zone, schedules, begin, end, 1, lead)):
			suite.ask("%s, with seconds" % name, schedule.text, name, begin * 1000000 - 1, micro(runs), end * 1000000)


def ask_year(suite, rng, name, zone, first, last):
	"""A year, minute by minute."""
	year = rng.randint(first, last)
	begin, end = (int(dt.datetime(y, 1, 1, tzinfo=UTC).timestamp()) for y in (year, year + 1))
	schedules = [make(rng) for _ in range(scaled(5))]
	for schedule, runs in zip(schedules, walk(zone, schedules, begin, end, 60, 2 * DAY)):
		group = "%s, a year minute by minute" % name
		if len(runs) <= 20000:
			suite.ask(group, schedule.text, name, begin * 1000000 - 1, micro(runs), end * 1000000)
		else:
			suite.ask(group, schedule.text, name, begin * 1000000 - 1, micro(runs[:20000]))


def ask_calendar(suite, rng, name, zone, first, last):
	"""Years, day by day; more than one schedule in four is for rare days."""
	begin, end = (int(dt.datetime(y, 1, 1, tzinfo=UTC).timestamp()) for y in (first, last))
	for _ in range(scaled(9)):
		schedule = make(rng, 0.3, None, None, False, True)
		suite.ask("%s, %d to %d" % (name, first, last), schedule.text, name, begin * 1000000,
				  micro(by_days(zone, schedule, begin, end)), end * 1000000)


def ask_rare(suite, rng):
	"""Dates that are far apart."""
	begin, end = (int(dt.datetime(y, 1, 1, tzinfo=UTC).timestamp()) for y in (1990, 2125))
	for text, on_date in [
		("0 0 29 2 *", lambda d: d.month == 2 and d.day == 29),
		("0 0 * 2 MON#5", lambda d: d.month == 2 and d.day == 29 and d.weekday() == 0),
		("0 0 */29 2 */3", lambda d: False),
		("0 0 L-30 * ?", lambda d: d.day == 1 and days_in(d) == 31),
		("0 0 L-28 FEB *", lambda d: d.month == 2 and d.day == 1 and days_in(d) == 29),
		("0 0 31W * ?", lambda d: is_nearest(d, 31)),
		("0 0 29W 2 ?", lambda d: d.month == 2 and is_nearest(d, 29)),
		("0 0 ?/30 * ?/6", lambda d: d.day in (1, 31) and d.isoweekday() in (6, 7)),
	]:
		schedule = Schedule(text, {0}, on_date, False)
		runs = by_days(UTC, schedule, begin - 1, end)
		if runs:
			suite.ask("rare days", text, "UTC", begin * 1000000 - 1, micro(runs), end * 1000000)


def add_months(date, months):
	year, month = divmod(date.year * 12 + date.month - 1 + months, 12)
	return dt.date(year, month + 1, min(date.day, calendar.monthrange(year, month + 1)[1]))


def ask_intervals(suite, rng, name, zone, first, last):
	"""Twenty times of an interval, each counted from the anchor."""
	low, high = (int(dt.datetime(y, 1, 1, tzinfo=UTC).timestamp()) for y in (first, last))
	for _ in range(scaled(20)):
		months, days = (rng.choice([0, 0, 0, rng.randint(1, 14)]) for _ in range(2))
		seconds = rng.choice([0, 1, 59, 900, 3600, rng.randint(1, 200000)])
		micros = rng.choice([0, 0, 500000, rng.randint(0, 999999)])
		if months + days + seconds == 0:
			seconds = 90
		text = rng.choice(["%d months %d days %d.%06d seconds", "%d mons %d d %d.%06ds", "P%dM%dDT%d.%06dS"])
		text = text % (months, days, seconds, micros)
		if months + days + micros == 0:
			text = rng.choice(["%d seconds", "%ds", "@ %d sec", "PT%dS"]) % seconds
		anchor = rng.randint(low * 1000000, high * 1000000)
		second, fraction = divmod(anchor, 1000000)
		local = second + offset_at(zone, second)
		expected = []
		for times in range(1, 21):
			instant = anchor
			if months or days:
				date = add_months(EPOCH + dt.timedelta(days=local // DAY), times * months) + dt.timedelta(days=times * days)
				instant = first_instant(zone, (date - EPOCH).days * DAY + local % DAY) * 1000000 + fraction
			expected.append(instant + times * (seconds * 1000000 + micros))
		# in the second of two equal hours the anchor itself is the interval's time 0 an hour earlier
		if first_instant(zone, local) == second:
			suite.ask("%s, intervals" % name, text, name, anchor, expected)


#
# Texts that are none
#

def damaged(rng):
	"""A schedule with something wrong, or by chance right."""
	text = list(make(rng, 0.5).text) if rng.random() < 0.7 else list(rng.choice(
		["15 minutes", "@daily", "1 day 2 hours", "90s", "PT15M", "1-2", "@ 1 hour ago", "infinity", "00:15", "1 mon"]))
	alphabet = "0123456789*?/,-#$@LWlw:. \t\nabcJANfri_%'\"\\;éß☃\u00a0"
	for _ in range(rng.choice([1, 1, 1, 2, 5])):
		place = rng.randint(0, len(text))
		what = rng.random()
		if what < 0.4:
			text.insert(place, rng.choice(alphabet))
		elif what < 0.7 and place < len(text):
			text[place] = rng.choice(alphabet)
		elif what < 0.85:
			del text[place:place + rng.randint(1, 3)]
		elif what < 0.95:
			text.insert(place, rng.choice(["99999999999999999999", "-1", "0", "4294967296", "2147483648", " " * 20, "*" * 20]))
		else:
			text = text * rng.choice([2, 3, 50])
	return "".join(text)


def garbage(rng):
	return "".join(chr(rng.choice([rng.randint(1, 127), rng.randint(32, 126), rng.randint(160, 0x2fff)]))
				   for _ in range(rng.randint(0, 40)))


def check_damaged(suite, rng):
	count = scaled(12000)
	texts = [damaged(rng) if rng.random() < 0.8 else garbage(rng) for _ in range(count)]
	escapes = {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"}
	rows = "".join("%d\t%s\tEurope/Berlin\t%d\t3\n" % (i, "".join(escapes.get(c, c) for c in text), rng.randint(-10**16, 10**16))
				   for i, text in enumerate(texts))
	psql(["-c", "SET client_encoding = UTF8", "-c", "TRUNCATE question", "-c", "\\copy question FROM pstdin"], rows)
	states = psql(["-AtF ", "-c", "SELECT CASE WHEN answer LIKE 'error%' THEN substr(answer, 7, 5) ELSE 'fine' END, count(*) "
				   "FROM (SELECT answer(q) FROM question AS q OFFSET 0) AS a GROUP BY 1"])
	states = dict(line.split() for line in states.splitlines())
	suite.tell(set(states) <= {"22023", "fine"} and int(states.get("22023", 0)) > count / 2,
			   "%d damaged texts: %s" % (count, ", ".join("%s %s" % pair for pair in sorted(states.items()))))


#
# What others say
#

def plain(rng, peer):
	"""Text that cron programs agree about."""
	def field(low, high):
		parts = []
		for _ in range(rng.choice([1, 1, 2])):
			first, last = sorted(rng.sample(range(low, high + 1), 2))
			parts.append(rng.choice(["*", "*", "%d" % first, "%d" % first, "%d-%d" % (first, last),
									 "%d-%d/%d" % (first, last, rng.randint(1, 5)), "*/%d" % rng.randint(1, 7)]))
		return "*" if "*" in parts else ",".join(parts)
	dom, dow = field(1, 28), field(0, 6)
	if peer == "cronsim":
		dom, dow = rng.choice([dom, dom, "L"]), rng.choice([dow, dow, "%d#%d" % (rng.randint(0, 6), rng.randint(1, 4)), "5L"])
	elif "*" in dom or "*" in dow:
		dom, dow = rng.choice([(dom, "*"), ("*", dow)])		# it does not know the rule of the leading star
	return " ".join([field(0, 59), field(0, 23), dom, field(1, 12), dow])


def ask_peer(suite, rng, peer, zones):
	asked = 0
	for _ in range(scaled(400)):
		name = rng.choice(zones)
		zone = zoneinfo.ZoneInfo(name)
		text = plain(rng, peer)
		minute, hour = text.split()[:2]
		# elsewhere Vixie's cron has another rule for hours of which some are named by a star
		if name != "UTC" and ("*" in minute or ("*" in hour and hour != "*")):
			continue
		begin = dt.datetime(rng.randint(2000, 2030), rng.randint(1, 12), rng.randint(1, 28), tzinfo=zone)
		try:
			if peer == "cronsim":
				import cronsim
				runs = cronsim.CronSim(text, begin)
			else:
				import croniter
				runs = croniter.croniter(text, begin, ret_type=dt.datetime)
			expected = [int(next(runs).timestamp()) for _ in range(40)]
		except ImportError:
			raise
		except Exception:
			continue			# not known to it, or too rare
		suite.ask("%s says the same" % peer, text, name, int(begin.timestamp()) * 1000000, micro(expected))
		asked += 1
	return asked


def main():
	begin = time.monotonic()
	suite = Suite()
	print("# seed %d (CK_CRON_SEED), factor %g (CK_CRON_FACTOR)" % (SEED, FACTOR))
	share = subprocess.run(["pg_config", "--sharedir"], stdout=subprocess.PIPE).stdout.decode().strip() + "/timezone"
	if os.path.isdir(share):
		zoneinfo.reset_tzpath([share])			# PostgreSQL's own rules, not the system's
	whole_years = random.Random(SEED).sample([name for name, _, _ in ZONES], 7)
	for name, first, last in ZONES:
		rng = random.Random("%d %s" % (SEED, name))
		try:
			zone = zoneinfo.ZoneInfo(name)
		except zoneinfo.ZoneInfoNotFoundError:
			suite.number += 1
			print("ok %d - %s # SKIP the zone is not known here" % (suite.number, name))
			continue
		changes = changes_of(zone, *(int(dt.datetime(y, 1, 1, tzinfo=UTC).timestamp()) for y in (first, last)))
		changes = changes or [int(dt.datetime(2020, 3, 1, tzinfo=UTC).timestamp())]
		ask_changes(suite, rng, name, zone, changes)
		ask_seconds(suite, rng, name, zone, changes)
		if name in whole_years:
			ask_year(suite, rng, name, zone, first, last - 1)
		ask_calendar(suite, rng, name, zone, first, last)
		ask_intervals(suite, rng, name, zone, first, last)
	ask_rare(suite, random.Random(SEED))
	for peer in ("croniter", "cronsim"):
		try:
			zones = ["UTC"] if peer == "croniter" else ["UTC", "Europe/Berlin", "America/New_York"]
			ask_peer(suite, random.Random(SEED), peer, zones)
		except ImportError:
			suite.number += 1
			print("ok %d - %s says the same # SKIP %s cannot be had here" % (suite.number, peer, peer))
	print("# calculated in %.1f s" % (time.monotonic() - begin))
	suite.compare()
	check_damaged(suite, random.Random(SEED))
	print("1..%d" % suite.number)
	print("# %.1f s" % (time.monotonic() - begin))


sys.exit(main())
