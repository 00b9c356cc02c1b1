#!/usr/bin/env python3
"""keboola_double.py: a double of Keboola's Storage API, and of the three stores that its exports lie in, for tests.

usage: keboola_double.py FOLDER      where it leaves its port (FOLDER/port); requests are noted in FOLDER/requests

A table's bucket says where its exports go: in.c-aws (S3, signed), in.c-azure (SAS), in.c-gcp (bearer). What goes wrong is said by
the table's name.
"""
import http.server
import json
import os
import re
import sys
import types
import urllib.parse

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import auth

FOLDER = sys.argv[1]
TOKEN = "token-1"
KEY, SECRET, SESSION = "ASIAEXAMPLE", "temporary secret", "temporary session"
SAS = "sv=2017-11-09&sr=c&sig=abc%2Bdef%3D"
BEARER = "temporary-bearer"
NULL = None
ROWS = [["1", "plain", "a"], ["2", 'with "quotes", commas', ""], ["3", "two\nlines", NULL], ["4", "žluťoučký kůň", "d"], ["5", "", "\\N"],
	["6", " blanks ", "\ufeffmark"], ["7", "back\\slash", "g"]]
NAMES = ["id", "text", "more"]
# columns, rows, slices
TABLES = {
	"in.c-azure.data": (NAMES, ROWS, 3), "in.c-aws.data": (NAMES, ROWS, 3), "in.c-gcp.data": (NAMES, ROWS, 3),
	"in.c-azure.large": (["n", "text"], [[str(n), "row %d" % n] for n in range(20000)], 4),
	"in.c-azure.empty": (NAMES, [], 1), "in.c-azure.none": (NAMES, [], 0),
	"in.c-azure.single": (["v"], [["a"], [NULL], [""], ["d"]], 1),
}
for _name in ("broken", "missing", "failing", "unsliced", "twice", "strange", "fewer", "more", "lacking", "elsewhere", "evil", "packed"):
	TABLES["in.c-azure." + _name] = (NAMES, ROWS, 3)
JOBS = {}
BLOBS = {}


def line(fields):
	return ",".join("" if f is NULL else '"%s"' % f.replace('"', '""') for f in fields) + "\n"


class Handler(http.server.BaseHTTPRequestHandler):
	protocol_version = "HTTP/1.1"
	disable_nagle_algorithm = True

	def reply(self, status, body, kind="application/json", length=None):
		body = body if isinstance(body, bytes) else json.dumps(body).encode()
		self.send_response(status)
		self.send_header("Content-Type", kind)
		self.send_header("Content-Length", str(len(body) if length is None else length))
		self.send_header("ETag", '"e"')
		self.send_header("Last-Modified", "Sun, 06 Nov 2022 08:49:37 GMT")
		self.end_headers()
		if self.command != "HEAD":
			self.wfile.write(body)

	def described(self, name):
		columns, rows, _ = TABLES[name]
		bucket, short = name.rsplit(".", 1)
		return {"id": name, "name": short, "columns": columns, "primaryKey": columns[:1] if short == "data" else [],
			"created": "2025-02-05T10:57:08+0100", "lastImportDate": "2026-02-05T10:57:08+0100", "rowsCount": len(rows), "isAlias": False,
			"dataSizeBytes": 12288, "bucket": self.bucket(bucket)}

	def bucket(self, name):
		return {"id": name, "name": name[3:], "stage": "in", "backend": "snowflake", "created": "2025-02-05T10:57:08+0100"}

	def export(self, name, asked):
		columns, rows, slices = TABLES[name]
		wanted = asked["columns"].split(",") if asked.get("columns") else columns
		if not set(wanted) <= set(columns):
			return self.reply(400, {"error": "Some columns don't exist", "code": "storage.tables.columnNotExists"})
		short = name.rsplit(".", 1)[1]
		number = len(JOBS) + 1
		parts = [line([dict(zip(columns, row))[c] for c in wanted]) for row in rows]
		if short == "fewer":
			parts[3] = '"1"\n'
		if short == "more":
			parts[3] = '"1","2","3","4"\n'
		keys = ["exp/%d/%s b+c.csv_0_%d_0.csv" % (number, short, i) for i in range(slices)]
		for i, key in enumerate(keys):
			BLOBS[key] = "".join(parts[i::slices]).encode()
		if short == "missing":
			del BLOBS[keys[1]]
		if short == "packed":
			import gzip
			BLOBS[keys[0]] = gzip.compress(BLOBS[keys[0]])
		if short == "twice":
			keys[2] = keys[0]
		JOBS[number] = {"id": number, "polls": 0, "store": name[5:].split(".")[0], "table": short, "keys": keys}
		self.reply(202, {"id": number, "status": "waiting", "url": "%s/jobs/%d" % (self.base, number)})

	def job(self, number):
		job = JOBS[number]
		job["polls"] += 1
		status = "processing" if job["polls"] == 1 and job["table"] == "large" else "error" if job["table"] == "failing" else "success"
		reply = {"id": number, "status": status}
		if status == "success":
			reply["results"] = {"file": {"id": 1000 + number}}
		if status == "error":
			reply["error"] = {"message": "the warehouse is gone"}
		self.reply(200, reply)

	def file(self, number, query):
		job = JOBS[number]
		name = "exp/%d/%s" % (number, job["table"])
		entries = [{"url": {"aws": "s3://", "gcp": "gs://", "azure": "azure://acct.blob.core.windows.net/"}[job["store"]] + "container/" + key}
			for key in job["keys"]]
		if job["table"] == "strange":
			entries[1]["url"] = "ftp://example.com/" + job["keys"][1]
		if job["table"] == "lacking":
			entries[1] = {"mandatory": True}
		if job["table"] == "evil":
			entries[1]["url"] = "azure://127.0.0.1:1#/container/x"
		if job["table"] == "elsewhere":
			entries[1]["url"] = "http://169.254.169.254/latest?" + SAS
		BLOBS[name + "manifest"] = json.dumps({"entries": entries}).encode()
		reply = {"id": 1000 + number, "name": job["table"] + ".csv", "isSliced": job["table"] != "unsliced", "region": "eu-central-1",
			"provider": job["store"], "url": "%s/azure/container/%s?%s" % (self.origin, name + "manifest", SAS)}
		if "federationToken" not in query:
			pass
		elif job["store"] == "aws":
			reply.update(credentials={"AccessKeyId": KEY, "SecretAccessKey": SECRET, "SessionToken": SESSION}, s3Path={"bucket": "container", "key": name})
		elif job["store"] == "gcp":
			reply.update(gcsCredentials={"access_token": BEARER, "projectId": "p"}, gcsPath={"bucket": "container", "key": name})
		else:
			reply.update(absCredentials={"SASConnectionString": "BlobEndpoint=%s/azure;SharedAccessSignature=%s" % (self.origin, SAS)},
				absPath={"container": "container", "name": name})
		self.reply(200, reply)

	def allowed(self, store, url):
		headers = {name.lower(): value for name, value in self.headers.items()}
		if "x-storageapi-token" in headers or "x-whole" in headers:
			return False
		if store == "azure":
			return set(urllib.parse.parse_qsl(SAS)) <= set(urllib.parse.parse_qsl(url.query))
		if store == "gcp":
			return headers.get("authorization") == "Bearer " + BEARER
		return headers.get("x-amz-security-token") == SESSION and auth.sigv4(types.SimpleNamespace(method=self.command, path=url.path, headers=headers,
			body=b"", pairs=urllib.parse.parse_qsl(url.query, keep_blank_values=True)), KEY, SECRET)

	def blob(self, store, url):
		key = urllib.parse.unquote(url.path).split("/container/", 1)[1]
		if not self.allowed(store, url):
			return self.reply(403, b"<Error><Code>AccessDenied</Code></Error>", "application/xml")
		if key not in BLOBS:
			return self.reply(404, b"<Error><Code>NoSuchKey</Code></Error>", "application/xml")
		body = BLOBS[key]
		if "/broken" in key and key.endswith("_1_0.csv"):
			self.close_connection = True
			return self.reply(200, body[:len(body) // 2], "text/csv", len(body))
		span = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range") or self.headers.get("x-ms-range") or "")
		if not span or not body:
			return self.reply(200, body, "text/csv")
		first, last = int(span[1]), min(int(span[2]), len(body) - 1)
		self.send_response(206)
		self.send_header("Content-Type", "text/csv")
		self.send_header("Content-Range", "bytes %d-%d/%d" % (first, last, len(body)))
		self.send_header("Content-Length", str(last - first + 1))
		self.send_header("ETag", '"e"')
		self.end_headers()
		self.wfile.write(body[first:last + 1])

	def do_GET(self):
		self.origin = "http://" + self.headers["Host"]
		self.base = self.origin + "/v2/storage"
		url = urllib.parse.urlsplit(self.path)
		query = dict(urllib.parse.parse_qsl(url.query))
		body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
		asked = json.loads(body) if body[:1] == "{" else dict(urllib.parse.parse_qsl(body))
		with open(FOLDER + "/requests", "a") as log:
			log.write("%s %s %s\n" % (self.command, self.path, body))
		store = re.match("/(azure|gcp|aws)/", url.path)
		path = urllib.parse.unquote(url.path)[12:]
		if store or url.path.startswith("/container/"):
			return self.blob(store[1] if store else "aws", url)
		if self.headers.get("X-StorageApi-Token") != TOKEN:
			return self.reply(401, {"error": "Invalid access token", "code": "storage.tokenInvalid"})
		if path == "buckets":
			return self.reply(200, [self.bucket("in.c-" + name) for name in ("aws", "azure", "gcp")])
		if path == "tables":
			return self.reply(200, [self.described(name) for name in sorted(TABLES)])
		what, _, name = path.partition("/")
		if what == "tables" and name.endswith("/export-async") and self.command == "POST" and name[:-13] in TABLES:
			return self.export(name[:-13], asked)
		if what == "tables" and name in TABLES:
			return self.reply(200, self.described(name))
		if what == "jobs" and int(name) in JOBS:
			return self.job(int(name))
		if what == "files" and int(name) - 1000 in JOBS:
			return self.file(int(name) - 1000, query)
		self.reply(404, {"error": "not found", "code": "notFound"})

	do_POST = do_HEAD = do_GET

	def log_message(self, *_):
		pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
with open(FOLDER + "/port", "w") as port:
	port.write(str(server.server_port))
server.serve_forever()
