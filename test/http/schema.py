#!/usr/bin/env python3
"""schema.py: compares docs/manifest.schema.json with what reads manifests (readers.c): what is read must be valid; what is refused
for its form must not be. Prints TAP.

usage: schema.py READERS LOG MANIFEST...      LOG: a server's, with the manifests that tests registered, "manifest: {...}"; the
manifests, also changed by chance (CK_FUZZ_SEED, CK_SCHEMA_ROUNDS), are read too
"""
import copy
import json
import os
import random
import re
import subprocess
import sys
import time

try:
	import jsonschema
except ImportError:
	print("ok - the schema of manifests # SKIP no python3-jsonschema")
	sys.exit(0)

# errors of form; those of what names stand for are not the schema's
FORM = re.compile("there is no such (setting|operator)|(string|number|object|list|path|place|rules|operator|name|names|time|status|"
	"text|character|token|columns?|day\"|word)s?( or more| from \\d+ to \\d+| of .*)? (is|are) expected|true or false is expected|it is none of|"
	"is missing|is a? ?(string|number|boolean|list)|^[a-z_.0-9]*: it is more than")
# "… is expected" where what is expected is a name of the manifest's own
NOT_FORM = re.compile("of the table is expected|table's columns is expected|key: a list of columns|option that has the secret|"
	"the order's param|place in the body is expected")
TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
WORDS = ["", "none", "a.b", "page", "body", "post", "5xx", "1 day", "soon", "{value}", "csv", "oauth2"]
OTHERS = [None, True, False, 0, 1, -1, 1.5, 100, 1000, [], {}, ["a"], [1], {"a": 1}, {"a": "b"}]


def parsed(text):
	"""A line of the log, in which processes may have written at once."""
	try:
		return json.loads(text)
	except ValueError:
		return None


def nodes(value, parent=None, key=None):
	"""Every place in a manifest: what holds it, and by which name or number."""
	if parent is not None:
		yield parent, key
	items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
	for name, inner in items:
		yield from nodes(inner, value, name)


def smaller(manifest):
	"""A copy with one of its tables, and those of its parents."""
	manifest = copy.deepcopy(manifest)
	tables = manifest.get("tables")
	if isinstance(tables, dict) and tables:
		kept, name = {}, random.choice(list(tables))
		while name in tables and name not in kept:
			kept[name] = tables[name]
			name = (tables[name].get("parent") or {}).get("table")
		manifest["tables"] = kept
		manifest.pop("check", None)
	return manifest


def changed(manifest, names):
	"""The same with one thing that is gone, new or another."""
	parent, key = random.choice(list(nodes(manifest)))
	kind = random.randrange(6)
	if kind == 0:
		del parent[key]
	elif kind == 1 and isinstance(parent, dict):
		parent[random.choice(names)] = parent.pop(key)
	elif kind == 2 and isinstance(parent[key], dict):
		parent[key][random.choice(names)] = copy.deepcopy(random.choice(OTHERS + WORDS))
	elif kind == 3:
		parent[key] = random.choice(WORDS)
	elif kind == 4:
		other, place = random.choice(list(nodes(manifest)))
		parent[key] = copy.deepcopy(other[place])
	else:
		parent[key] = copy.deepcopy(random.choice(OTHERS))
	return manifest


def read(readers, manifests):
	"""What reads manifests says of each: "ok", or the error."""
	text = "".join(json.dumps(manifest) + "\n" for manifest in manifests)
	return subprocess.run([readers, "-"], input=text, text=True, capture_output=True, check=True,
		env=dict(os.environ, ASAN_OPTIONS="detect_leaks=0")).stdout.splitlines()


def main(readers, log, *files):
	with open(os.path.join(TOP, "docs", "manifest.schema.json")) as file:
		schema = json.load(file)
	jsonschema.Draft202012Validator.check_schema(schema)
	validator = jsonschema.Draft202012Validator(schema)
	seed = int(os.environ.get("CK_FUZZ_SEED") or time.time())
	random.seed(seed)
	print("# CK_FUZZ_SEED=%d" % seed)
	shipped = []
	for name in files:
		with open(name) as file:
			shipped.append(json.load(file))
	with open(log, errors="replace") as file:
		found = {line.split("manifest: ", 1)[1] for line in file if "LOG:  manifest: {" in line}
	tested = [manifest for manifest in map(parsed, sorted(found)) if manifest]
	names = sorted({key for manifest in shipped + tested for parent, key in nodes(manifest) if isinstance(key, str)})
	rounds = int(os.environ.get("CK_SCHEMA_ROUNDS") or 500)
	bases = [manifest for manifest, said in zip(shipped + tested, read(readers, shipped + tested)) if said == "ok"]
	by_chance = [changed(smaller(random.choice(bases)), names) for i in range(rounds)]
	failed = 0
	for number, (kind, manifests) in enumerate((("shipped", shipped), ("of the tests", tested), ("by chance", by_chance)), 1):
		good = refused = 0
		wrong = []
		for manifest, said in zip(manifests, read(readers, manifests)):
			error = next(validator.iter_errors(manifest), None)
			if said == "ok" and not re.fullmatch("[a-z0-9_]+", manifest["name"]):
				said = "a name that the core refuses"
			form = FORM.search(said) and not NOT_FORM.search(said)
			good += said == "ok"
			refused += bool(said != "ok" and form)
			if said == "ok" and error:
				wrong.append("read, but not valid: %s: %s" % (".".join(map(str, error.absolute_path)), error.message[:300]))
			elif said != "ok" and form and not error:
				wrong.append("valid, but refused: %s\n#    %s" % (said, json.dumps(manifest)[:1500]))
		failed += bool(wrong) or not manifests
		print("%sok %d - manifests %s: %d are read, %d refused for their form" % (
			"not " if wrong or not manifests else "", number, kind, good, refused))
		for text in wrong[:12]:
			print("# " + text)
	return failed > 0


if __name__ == "__main__":
	sys.exit(main(*sys.argv[1:]))
