"""records.py: the records that the double serves: made by rule, chosen by filters, written as JSON lines, CSV or XML."""
import csv
import datetime as dt
import io
import json
import re
import xml.sax.saxutils

BASE = dt.datetime(2026, 1, 1)
BASE_SECONDS = int(BASE.replace(tzinfo=dt.timezone.utc).timestamp())
STATES = ("waiting", "open", "closed")
NAMES = "id name state project amount active created_at updated_at user tags lines note".split()
LINES = tuple(tuple(",".join('{"no":%d,"quantity":%d}' % (no, quantity) for no in range(1, count + 1)) for quantity in range(9))
	for count in range(3))
TYPES = {"csv": "text/csv", "xml": "application/xml", "lines": "application/x-ndjson"}


def record(i):
	"""The JSON text of a generated record."""
	at = (BASE + dt.timedelta(minutes=i)).isoformat()
	return ('{"id":%d,"name":"item %d","state":"%s","project":"P%d","amount":%d.%02d,"active":%s,"created_at":"%sZ",'
		'"updated_at":"%sZ","user":{"id":%d,"login":"user%d"},"tags":["t%d","t%d"],"lines":[%s],"note":%s}' % (
			i, i, STATES[i % 3], i % 10, i * 7 % 10000, i % 100, "false" if i % 7 == 0 else "true", at, at, i % 50, i % 50,
			i % 4, i % 5, LINES[i % 3][i % 9], '"note %d \u00e4\u20ac\U0001f600"' % i if i % 5 == 0 else "null"))


def seconds(text):
	"""Seconds since 1970 that a parameter means."""
	if re.fullmatch(r"-?\d+(\.\d+)?", text):
		number = float(text)
		return number / 1000 if number > 1e11 else number
	text = re.sub(r"[Zz]$", "+00:00", text)
	at = dt.datetime.fromisoformat(text.replace(" ", "+") if "T" in text else text)
	return (at if at.tzinfo else at.replace(tzinfo=dt.timezone.utc)).timestamp()


def minutes(text):
	"""The first id whose record was not updated before that time."""
	return -int(-(seconds(text) - BASE_SECONDS) // 60)


def ordered(found, key, parameters):
	"""The same in the order that the parameters ask for."""
	descending = parameters.get("sort", "").startswith("-") or parameters.get("direction") == "desc"
	return sorted(found, key=key, reverse=descending) if key else found[::-1] if descending else found


def select(parameters, total):
	"""The ids of generated records that the filters leave, in order: a range where it can be one."""
	low, high = max(1, int(parameters.get("min", 1))), min(total, int(parameters.get("max", total)))
	if "since" in parameters:
		low = max(low, minutes(parameters["since"]))
	if "until" in parameters:
		high = min(high, minutes(parameters["until"]) - 1)
	found = range(low, high + 1)
	if "ids" in parameters:
		found = sorted({int(i) for i in parameters["ids"].split(",") if i.strip() and int(i) in found})
	if "state" in parameters:
		wanted = {i for i, state in enumerate(STATES) if state in parameters["state"].split(",")}
		found = [i for i in found if i % 3 in wanted]
	if "project" in parameters:
		wanted = set(parameters["project"].split(","))
		found = [i for i in found if "P%d" % (i % 10) in wanted]
	by_name = parameters.get("sort", "").lstrip("-") == "name"
	return ordered(found, (lambda i: "item %d" % i) if by_name else None, parameters)


def choose(rows, parameters):
	"""The same for objects of a collection that was written; one without the filtered member is not chosen."""
	def fits(row):
		at = row.get("updated_at")
		if "since" in parameters and (at is None or seconds(str(at)) < seconds(parameters["since"])) or \
			"until" in parameters and (at is None or seconds(str(at)) >= seconds(parameters["until"])):
			return False
		if "min" in parameters and row["id"] < int(parameters["min"]) or \
			"max" in parameters and row["id"] > int(parameters["max"]):
			return False
		return all(str(row.get(name)) in parameters[filter].split(",")
			for filter, name in (("ids", "id"), ("state", "state"), ("project", "project")) if filter in parameters)

	by = parameters.get("sort", "").lstrip("-")
	return ordered([row for row in rows if fits(row)], (lambda row: row.get(by)) if by else None, parameters)


def flat(value):
	"""A value as text of CSV or XML."""
	if isinstance(value, (dict, list)):
		return json.dumps(value, ensure_ascii=False)
	return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def as_csv(texts):
	out = io.StringIO()
	writer = csv.writer(out)
	rows = [json.loads(text) for text in texts]
	writer.writerow(rows[0] if rows else NAMES)
	for row in rows:
		writer.writerow(flat(value) for value in row.values())
	return out.getvalue()


def element(name, value):
	if isinstance(value, dict):
		inner = "".join(element(name, value) for name, value in value.items())
	elif isinstance(value, list):
		inner = "".join(element("value", value) for value in value)
	else:
		inner = xml.sax.saxutils.escape(flat(value))
	return "<%s>%s</%s>" % (name, inner, name) if value is not None else "<%s/>" % name


def as_xml(texts):
	rows = [json.loads(text) for text in texts]
	return '<?xml version="1.0" encoding="UTF-8"?>\n<items>%s</items>\n' % "".join(
		'<item id="%s">%s</item>' % (row.get("id", ""), "".join(element(*pair) for pair in row.items())) for row in rows)


def shaped(texts, shape, extra):
	"""The body of a page: its records, in one of the shapes, and what is told beside them."""
	if shape == "csv":
		return as_csv(texts)
	if shape == "xml":
		return as_xml(texts)
	if shape == "lines":
		return "".join(text + "\n" for text in texts)
	if shape == "one":
		return texts[0] if texts else "null"
	array = "[" + ",".join(texts) + "]"
	if shape == "top":
		return array
	rest = "".join(",%s:%s" % (json.dumps(name), json.dumps(value)) for name, value in extra.items())
	if shape == "nested":
		return '{"data":{"result":{"rows":%s}}%s}' % (array, rest)
	return "{%s:%s%s}" % (json.dumps(shape), array, rest)
