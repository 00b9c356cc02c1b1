#!/usr/bin/env python3
"""search_data.py: awkward documents into an Elasticsearch or OpenSearch, whose address is given."""
import json
import sys
import urllib.error
import urllib.request

MAPPING = {"properties": {
	"id": {"type": "integer"}, "k": {"type": "keyword", "ignore_above": 8}, "n": {"type": "keyword", "normalizer": "lowercase"},
	"t": {"type": "text", "fields": {"raw": {"type": "keyword", "ignore_above": 20}}}, "p": {"type": "text"},
	"i": {"type": "integer"}, "b": {"type": "byte"}, "l": {"type": "long", "null_value": 7}, "d": {"type": "double"},
	"f": {"type": "float"}, "h": {"type": "half_float"},
	"at": {"type": "date"}, "day": {"type": "date", "format": "yyyy/MM/dd"}, "ok": {"type": "boolean"},
	"hidden": {"type": "keyword", "index": False}, "alias": {"type": "alias", "path": "k"},
	"user": {"properties": {"login": {"type": "keyword"}, "age": {"type": "long"}}},
	"lines": {"type": "nested", "properties": {"no": {"type": "long"}}}, "bag": {"type": "object", "enabled": False}}}
TEXTS = ["", "a", "A", "b", "12345678", "123456789", "ä€😀", "5", "[1]", '["a","b"]', "null", "true", "x y", "{", "naïve café", "\u0130"]
NUMBERS = [0, 1, -1, 5, 7, 100, 2147483647, -2147483648]
DOUBLES = [0.0, -0.0, 0.1, -0.1, 0.30000000000000004, 1e308, -1e308, 5e-324, 3.14, 65504.5, 100]
TIMES = ["2024", 2024, "2024-05", "2024-05-01", "2024-05-01T10", "2024-05-01T10:00:00Z", "2024-05-01T10:00:00.123456Z",
	"2024-05-01T10:00:00.123999999Z", "2024-05-01T12:00:00+02:00", 1714557600000, "1714557600123", 20240101, -1, "1969-12-31T23:59:59.999Z",
	"1969-12-31T23:59:59.9995Z", "0001-01-01T00:00:00Z", "1969-12-31T23:59:58Z", "9999-12-31T23:59:59.999Z"]


def call(address, method, path, body, kind="application/json"):
	request = urllib.request.Request(address + path, body.encode(), {"Content-Type": kind}, method=method)
	try:
		return json.load(urllib.request.urlopen(request))
	except urllib.error.HTTPError as error:
		sys.exit(error.read().decode())


def documents():
	for i in range(130):
		document = {"id": i, "k": TEXTS[i % 16], "n": TEXTS[i % 7], "t": TEXTS[i % 16], "p": TEXTS[i % 3], "i": NUMBERS[i % 8],
			"b": i - 65, "l": NUMBERS[i % 6] * (1 << 40), "d": DOUBLES[i % 11], "f": DOUBLES[i % 5], "h": DOUBLES[i % 5],
			"at": TIMES[i % 18], "day": "2024/01/%02d" % (i % 28 + 1), "ok": i % 2 == 0, "hidden": TEXTS[i % 5],
			"user": {"login": TEXTS[i % 8], "age": i % 9}, "lines": [{"no": i}], "bag": {"any": i}}
		if i % 13 == 0:
			document = {"id": i, "l": None, "user.login": "dotted", "k": None}
		elif i % 13 == 1:
			document.update({"k": ["a", "b"], "t": ["a"], "user": [{"login": "a"}, {"login": "b"}]})
		elif i % 13 == 2:
			document.update({"k": 5, "i": "5", "ok": "true", "l": 5.0, "d": "0.1"})
		yield document


def main(address):
	call(address, "PUT", "/doc", json.dumps({"settings": {"number_of_shards": 3, "number_of_replicas": 0}, "mappings": MAPPING}))
	call(address, "PUT", "/bare", json.dumps({"mappings": {"_source": {"enabled": False}, "properties": {"k": {"type": "keyword"}}}}))
	lines = []
	for document in documents():
		lines += ['{"index": {"_id": "%d"}}' % document["id"], json.dumps(document)]
	reply = call(address, "POST", "/doc/_bulk?refresh=true", "\n".join(lines) + "\n", "application/x-ndjson")
	failed = [item["index"]["error"] for item in reply["items"] if "error" in item["index"]]
	if failed:
		sys.exit(json.dumps(failed[:3]))


main(sys.argv[1])
