#!/usr/bin/env python3
"""api.py: a scriptable double of an HTTP API, for what a real one does not do on demand.

usage: api.py FOLDER/ [--items N] [--tls CERTIFICATE KEY AUTHORITY]

It listens on ports of 127.0.0.1 that the system chooses and writes them to FOLDER/ports: HTTP, a second one for HTTP, one that
never accepts a connection, and with --tls HTTPS (a client's certificate may be given). It speaks HTTP/1.1 with keep-alive, and is
an HTTP proxy too (CONNECT to itself, and absolute addresses, which it answers itself).

Records
	Record 1 to N (1000, --items, or ?n=) are made by rule: id, name, state (open, closed, waiting by id % 3), project (P0 to P9
	by id % 10), amount, active, created_at, updated_at (2026-01-01 and id minutes), user {id, login}, tags [two], lines [id % 3
	of {no, quantity}], note (null but for each fifth). Parameters stand in the query, or in a JSON body for POST, where objects
	in it are seen through:
	since, until        updated_at >= and <; ISO 8601, or seconds or milliseconds since 1970
	ids, state, project several with commas between, or an array in a body
	min, max            of id, both included
	sort, direction     id, updated_at, name; -id is descending, as direction=desc is
	fields              names with commas between: only these
	shape               top ([...]), nested ({"data": {"result": {"rows": [...]}}}), one (the first record alone), lines (JSON
	                    lines), csv, xml, or another word: {WORD: [...]}; each route has one of its own
	cap                 the server's own limit of records in a page (10000)
	past                status of a page behind the last one, for 200 and no records

/paged/KIND             GET or POST
	page                page, per_page; top
	offset              offset, limit; items, beside it total
	start               startAt, maxResults; values, beside it startAt, maxResults, total, isLast
	cursor              cursor, limit; items, beside it next_cursor, has_more. end= how the last page says so: null, absent,
	                    empty, same
	next                limit; items, beside it next (an address with cursor). to= makes it relative, self (always the same page),
	                    or a target as of a redirect
	link                page, per_page; top, header Link. link=odd writes that as the RFC also allows
	stuck               as cursor, but neither cursor nor page moves
	ignore              as page, but page is ignored
	none                all at once; top
/required               as /paged/page; 400 without project
/projects/ID/items      as /paged/page, of one project
/items                  as /paged/page
/items/ID               one, or 404
/items/ID/comments      id % 4 comments: id, item_id, text; 404 where there is no item
/comments               those of item_ids= (required, several with commas between, 50 at most)
/graphql                POST {"query", "variables": {"first", "after", filters}}: data.items.nodes, pageInfo {hasNextPage,
                        endCursor}

/store/NAME             a collection that begins empty and is kept in memory. POST one object or an array creates (201, Location;
                        409 when the id is there; 422 when name is null; with Idempotency-Key once). GET as /paged/page, or as
                        paging=KIND; filters look at the members of these names
/store/NAME/ID          GET (with ETag), PUT replaces or creates, PATCH changes, DELETE removes (204); 404; 412 by If-Match

/auth/KIND/...          the rest of the path, to who may: else 401
	basic               reader, "secret pass"
	bearer              token-1
	header, query       X-Api-Key, api_key: key-1
	oauth               a token of /token that has not expired
	jwt                 a JWT itself, RS256 or ES256, by a key of /control/key, with exp
	sigv4               AWS Signature 4: AKIDEXAMPLE, "aws secret"
	mtls                a client's certificate
/token                  POST, OAuth 2: client_credentials and refresh_token of client-1, "client secret" (in the body or as
                        Basic), urn:ietf:params:oauth:grant-type:jwt-bearer. expires= seconds (3600); rotate=1: a refresh token
                        serves once. The first refresh token is refresh-1

/control                POST a rule or an array of rules; DELETE forgets rules, log, tokens, collections, keys,
                        recordings
/control/rules          POST {"rules": [...]}: these in place of all
/control/log            GET the last requests, the oldest first: number, at (seconds), connection, port, proxied, method, target,
                        path, query, headers, body, status, fault, and gone where the client left in a stall. DELETE
/control/log.txt        GET: a line each, "STATUS METHOD TARGET"
/control/stats          GET requests, connections, most (requests under way at a time), bytes (of bodies sent)
/control/revoke         POST: no access token serves any more
/control/recording      POST an array of {"method", "path" with its query, "status", "response", and where there are "scope" (the
                        real address, for which this one stands in the reply), "headers" or "rawHeaders", "body"}: replies to
                        requests of these, before any route. That is how nock records
/control/key            PUT a public key (PEM) for JWT

Faults
	A rule is an object: fault (several with commas between), with its settings, and optionally path (of which the request's
	begins so), method, query (an object: the request has these), skip (so many requests pass first) and times (so many are hit).
	In place of a rule: query parameters with _ before (?_fault=status&_status=503&_times=2), or a header
	X-Fault: fault=status&status=503; skip and times are then counted by key, and without that by the whole request. The request
	is carried out before the fault, but not for status and redirect; done=0 and done=1 choose.
	status              status=503 body=json|html|text|empty retry_after=SECONDS|date:SECONDS remaining= limit= reset=SECONDS
	limit               limit=5 requests in window=1 s, of all that fit the rule or have the key; then 429 with Retry-After;
	                    X-RateLimit-Limit, -Remaining, -Reset always
	redirect            status=302 to=TARGET: same, port (the other one), host (the other name of it), http, https, loop, chain
	                    (hops=3), denied (169.254.169.254), file, user, none (no Location), or an address
	drop_before, drop_headers, drop_body        closes the connection: with nothing sent, within the headers, after at= bytes of
	                    the body (half of it). reset=1: by RST
	stall_before, stall_headers, stall_body     stops there for seconds=3600, then goes on
	delay               ms=100, then answers
	slow                bytes=100 of the body every ms=100
	length_long, length_short                   Content-Length is by=10 more or less than the body, then closes
	chunked, chunk_broken, chunk_garbage        a good one of pieces of bytes=1000; breaks off before the end; a bad size
	endless             an array of records without an end, in chunks
	http10              body until the connection's end;  early: 103 Early Hints first
	close               with Connection: close;  close_unsaid: after a reply that does not say so
	garbage             no HTTP;  headers_huge: one of bytes=1000000;  headers_many: count=10000
	gzip, deflate, deflate_raw, gzip_broken, gzip_cut, gzip_lie (is none), encoding_unknown
	gzip_bomb           JSON of mb=1024
	utf8 (invalid), nul, surrogate (half of one), bom, truncated, trailing, comma, nan, duplicate (key id), digits (400 of them),
	exponent (1e999999999), html, empty, blank, no_content (204), null, scalar, wrong_type, wrong_record, missing (an object
	without the records), deep (levels=100000), big (a record of mb=50, and one small), graphql_error (data null)
"""
import argparse
import asyncio
import base64
import collections
import json
import os
import re
import socket
import ssl
import sys
import time
import urllib.parse
import zlib

sys.dont_write_bytecode = True

import auth
import faults
import records
from recording import Recordings
from wire import Connection, Refused, Reply

CACHE_LIMIT = 512 * 1024 * 1024
LOG_LIMIT = 20000
PAGED = {"page": "top", "offset": "items", "start": "values", "cursor": "items", "next": "items", "link": "top", "stuck": "items",
	"ignore": "top", "none": "top"}
FILTERS = ("n", "since", "until", "ids", "state", "project", "min", "max", "sort", "direction")


class Api:
	"""What the server keeps, and its routes."""
	def __init__(self, items):
		self.items, self.ports = items, {}
		self.begin = time.monotonic()
		self.cache, self.cached = collections.OrderedDict(), 0
		self.running = 0
		self.forget()

	def forget(self):
		self.rules, self.counters, self.windows = [], collections.Counter(), {}
		self.store, self.once, self.keys = {}, {}, []
		self.tokens, self.refresh, self.recordings = {}, {"refresh-1"}, Recordings()
		self.log = collections.deque(maxlen=LOG_LIMIT)
		self.forget_log()

	def forget_log(self):
		self.log.clear()
		self.requests = self.connections = self.most = self.sent = 0

	def keep(self, key, make):
		"""What make() gives, made once."""
		if key in self.cache:
			self.cache.move_to_end(key)
			return self.cache[key]
		self.cache[key] = made = make()
		self.cached += len(made)
		while self.cached > CACHE_LIMIT and len(self.cache) > 1:
			self.cached -= len(self.cache.popitem(last=False)[1])
		return made

	# Pages

	def found(self, request, rows):
		"""The ids of generated records that the request's filters leave, or of rows those that are left."""
		filters = tuple(request.parameters.get(name) for name in FILTERS)
		try:
			if rows is not None:
				return [json.dumps(row, ensure_ascii=False) for row in records.choose(rows, request.parameters)]
			return self.keep(filters, lambda: records.select(request.parameters, request.number("n", self.items)))
		except (ValueError, TypeError):
			raise Refused(400, "a filter's value is none")

	def page(self, request, shape, found, first, size, extra):
		"""The reply with the records from the first on."""
		shape, fields = request.parameters.get("shape", shape), request.parameters.get("fields")
		generated = not isinstance(found, list) or found and isinstance(found[0], int)
		if first >= len(found) and first > 0 and "past" in request.parameters:
			raise Refused(request.number("past", 404), "no such page")

		def make():
			texts = found[first:first + size]
			if generated:
				texts = [records.record(i) for i in texts]
			if fields:
				texts = [json.dumps({name: value for name, value in json.loads(text).items() if name in fields.split(",")},
					ensure_ascii=False) for text in texts]
			return records.shaped(texts, shape, extra).encode()

		key = (shape, fields, first, size, repr(extra)) + tuple(request.parameters.get(name) for name in FILTERS)
		return Reply(200, self.keep(key, make) if generated else make(), records.TYPES.get(shape, "application/json"))

	def paged(self, request, kind, rows=None):
		"""A page of the generated records, or of rows."""
		if kind not in PAGED:
			raise Refused(404, "no such kind of paging")
		found, extra, links = self.found(request, rows), {}, None
		total = len(found)
		if kind == "none":
			first, size = 0, total
		elif kind in ("page", "link", "ignore"):
			size = self.size(request, "per_page")
			number = request.number("page", 1) if kind != "ignore" else 1
			if number < 1:
				raise Refused(400, "pages are counted from 1")
			first = (number - 1) * size
			links = kind == "link" and self.links(request, number, -(-total // max(size, 1)))
		elif kind == "offset":
			first, size = request.number("offset", 0), self.size(request, "limit")
			extra = {"total": total, "offset": first}
		elif kind == "start":
			first, size = request.number("startAt", 0), self.size(request, "maxResults")
			extra = {"startAt": first, "maxResults": size, "total": total, "isLast": first + size >= total}
		else:
			first, size, extra = self.cursor(request, kind, total)
		reply = self.page(request, PAGED[kind], found, first, size, extra)
		if links:
			reply.headers.append(("Link", links))
		return reply

	def size(self, request, name, default=100):
		return min(request.number(name, default), request.number("cap", 10000))

	def cursor(self, request, kind, total):
		"""First, size and what is told beside the records, for the kinds with a cursor."""
		size, first = self.size(request, "limit"), 0
		if kind == "stuck":
			return 0, size, {"next_cursor": "c3R1Y2s6MA==", "has_more": True}
		if request.parameters.get("cursor"):
			try:
				first = int(base64.urlsafe_b64decode(request.parameters["cursor"])[6:])
			except ValueError:
				raise Refused(400, "that is no cursor")
		more, end = first + size < total, request.parameters.get("end", "null")
		following = base64.urlsafe_b64encode(b"after:%d" % (first + size)).decode()
		if kind == "next":
			to, address = request.parameters.get("to", "absolute"), self.address(request, cursor=following)
			if to == "self":
				more, address = True, self.address(request)
			elif to != "relative":
				address = self.target(request, to, address)
			return first, size, {"next": address if more else None}
		extra = {"next_cursor": following, "has_more": more}
		if not more and end == "absent":
			extra = {}
		elif not more and end != "same":
			extra["next_cursor"] = "" if end == "empty" else None
		return first, size, extra

	def links(self, request, number, last):
		"""The header Link of a page."""
		base, odd = self.target(request, "absolute", ""), request.parameters.get("link") == "odd"
		form = '<%s%s>; title="a, \\"b\\"; rel=last"; ReL=%s' if odd else '<%s%s>; rel="%s"'
		there = {"first": 1, "prev": number - 1, "next": number + 1, "last": last}
		return (" ,," if odd else ", ").join(form % (base, self.address(request, page=page), name)
			for name, page in there.items() if 1 <= page <= last)

	def address(self, request, **changes):
		"""The request's own address with other parameters, which are left out where they are None."""
		pairs = [pair for pair in request.pairs if pair[0] not in changes]
		pairs += [(name, str(value)) for name, value in changes.items() if value is not None]
		return request.path + ("?" + urllib.parse.urlencode(pairs) if pairs else "")

	def target(self, request, to, path):
		"""An address of this server by another way, or one that it should not be left for."""
		host, _, port = request.headers.get("host", "localhost").partition(":")
		scheme = "https" if request.port == "https" else "http"
		return {
			"absolute": "%s://%s:%s%s" % (scheme, host, port, path),
			"port": "http://%s:%s%s" % (host, self.ports["http" if request.port == "other" else "other"], path),
			"host": "%s://%s:%s%s" % (scheme, "127.0.0.1" if host == "localhost" else "localhost", port, path),
			"http": "http://%s:%s%s" % (host, self.ports["http"], path),
			"https": "https://%s:%s%s" % (host, self.ports.get("https", 1), path),
			"denied": "http://169.254.169.254/latest/meta-data/",
			"file": "file:///etc/passwd",
			"user": "%s://somebody:secret@%s:%s%s" % (scheme, host, port, path),
			"same": path,
		}.get(to, to)

	# Routes

	def route(self, request, path):
		"""The reply to a request without faults."""
		if request.method == "CONNECT":
			host, _, port = request.target.rpartition(":")
			return Reply(200 if host in ("localhost", "127.0.0.1") and port in map(str, self.ports.values()) else 403)
		recorded = self.recordings.reply(request, path, self.target(request, "absolute", ""))
		if recorded:
			return recorded
		head, *rest = [urllib.parse.unquote(part) for part in path.split("/")[1:]]
		if head == "auth" and len(rest) > 1:
			self.allowed(request, rest[0])
			return self.route(request, "/" + path.split("/", 3)[3])
		if (head, rest) == ("token", []):
			return self.token(request)
		if (head, rest) == ("graphql", []):
			return self.graphql(request)
		if head == "store" and len(rest) in (1, 2):
			return self.stored(request, *rest)
		if request.method not in ("GET", "HEAD") and not (head == "paged" and request.method == "POST"):
			raise Refused(405, "not that method", Allow="GET")
		if head == "paged" and len(rest) == 1:
			return self.paged(request, rest[0])
		if (head, rest) == ("required", []):
			if not request.parameters.get("project"):
				raise Refused(400, "project is required")
			return self.paged(request, "page")
		if head == "projects" and rest[1:] == ["items"]:
			request.parameters["project"] = rest[0]
			return self.paged(request, "page")
		if head == "items":
			return self.item(request, rest)
		if (head, rest) == ("comments", []):
			return self.comments(request, request.parameters.get("item_ids", "").split(","))
		raise Refused(404, "no such route")

	def item(self, request, rest):
		if not rest:
			return self.paged(request, "page")
		if not re.fullmatch(r"[0-9]{1,15}", rest[0]) or not 1 <= int(rest[0]) <= request.number("n", self.items):
			raise Refused(404, "no such item")
		if len(rest) == 1:
			return Reply(200, records.record(int(rest[0])))
		if rest[1:] == ["comments"]:
			return self.comments(request, rest[:1])
		raise Refused(404, "no such route")

	def comments(self, request, ids):
		if len(ids) > 50 or not all(re.fullmatch(r"[0-9]{1,15}", i) for i in ids):
			raise Refused(400, "item_ids are 1 to 50 numbers")
		known = [i for i in map(int, ids) if 1 <= i <= request.number("n", self.items)]
		return self.paged(request, "page", [{"id": i * 10 + k, "item_id": i, "text": "comment %d of item %d" % (k, i)}
			for i in known for k in range(1, i % 4 + 1)])

	def graphql(self, request):
		if request.method != "POST" or not isinstance(request.json, dict) or "query" not in request.json:
			raise Refused(400, "no query")
		if "items" not in request.json["query"]:
			return Reply(200, {"errors": [{"message": "Cannot query that field", "path": ["query"]}], "data": None})
		request.parameters = dict(request.query)
		request.see(request.json.get("variables") or {})
		found, size, after = self.found(request, None), self.size(request, "first"), request.parameters.get("after")
		try:
			first = int(base64.b64decode(after)[2:]) if after else 0
		except ValueError:
			return Reply(200, {"errors": [{"message": "that is no cursor", "path": ["items"]}], "data": None})
		chosen = found[first:first + size]
		end = base64.b64encode(b"n:%d" % (first + len(chosen))).decode() if len(chosen) else None
		return Reply(200, '{"data":{"items":{"nodes":[%s],"pageInfo":{"hasNextPage":%s,"endCursor":%s}}}}' % (
			",".join(map(records.record, chosen)), json.dumps(first + size < len(found)), json.dumps(end)))

	def stored(self, request, name, key=None):
		"""The collections that are written to."""
		rows, method = self.store.setdefault(name, {}), request.method
		if key is None:
			if method in ("GET", "HEAD"):
				return self.paged(request, request.query.get("paging", "page"), list(rows.values()))
			if method != "POST":
				raise Refused(405, "not that method", Allow="GET, POST")
			return self.create(request, name, rows)
		if key not in rows and method != "PUT":
			raise Refused(404, "no such object")
		tag = '"%08x"' % zlib.crc32(json.dumps(rows.get(key)).encode())
		if method in ("GET", "HEAD"):
			return Reply(200, rows[key], ETag=tag)
		if request.headers.get("if-match", tag) != tag:
			raise Refused(412, "it was changed since")
		if method == "DELETE":
			del rows[key]
			return Reply(204)
		if method not in ("PUT", "PATCH"):
			raise Refused(405, "not that method", Allow="GET, PUT, PATCH, DELETE")
		status, old = (200, rows[key]) if key in rows else (201, {})
		rows[key] = dict(old if method == "PATCH" else {}, **self.sound(request.json))
		rows[key].setdefault("id", int(key) if key.isdigit() else key)
		return Reply(status, rows[key])

	def sound(self, row):
		"""An object that may be written, or an error."""
		if not isinstance(row, dict):
			raise Refused(400, "the body is no object")
		if row.get("name", "") is None:
			raise Refused(422, "name must not be null")
		return row

	def create(self, request, name, rows):
		once = (name, request.headers.get("idempotency-key"))
		if once in self.once:
			return Reply(*self.once[once])
		made = {}
		for row in request.json if isinstance(request.json, list) else [request.json]:
			row = dict(self.sound(row))
			row.setdefault("id", max((int(key) for key in (*rows, *made) if key.isdigit()), default=0) + 1)
			if str(row["id"]) in rows or str(row["id"]) in made:
				raise Refused(409, "there is one with this id")
			made[str(row["id"])] = row
		rows.update(made)
		body = list(made.values()) if isinstance(request.json, list) else next(iter(made.values()))
		if once[1]:
			self.once[once] = (201, body)
		return Reply(201, body, Location="/store/%s/%s" % (name, next(iter(made), "")))

	# Who may

	def allowed(self, request, kind):
		header = request.headers.get("authorization", "")
		bearer = header[7:] if header.startswith("Bearer ") else ""
		good = {
			"basic": lambda: header == "Basic " + base64.b64encode(b"reader:secret pass").decode(),
			"bearer": lambda: bearer == "token-1",
			"header": lambda: request.headers.get("x-api-key") == "key-1",
			"query": lambda: request.query.get("api_key") == "key-1",
			"oauth": lambda: self.tokens.get(bearer, 0) > time.monotonic(),
			"jwt": lambda: auth.jwt(bearer, self.keys),
			"sigv4": lambda: auth.sigv4(request, "AKIDEXAMPLE", "aws secret"),
			"mtls": lambda: request.certificate,
		}.get(kind)
		if not good:
			raise Refused(404, "no such kind of authentication")
		if not good():
			raise Refused(401, "not with these credentials",
				WWW_Authenticate='%s realm="double"' % ("Basic" if kind == "basic" else "Bearer"))

	def token(self, request):
		"""OAuth 2's token endpoint."""
		form = dict(urllib.parse.parse_qsl(request.body.decode("latin-1"), keep_blank_values=True))
		grant, client = form.get("grant_type"), (form.get("client_id"), form.get("client_secret"))
		header, error = request.headers.get("authorization", ""), None
		if request.method != "POST":
			raise Refused(405, "not that method", Allow="POST")
		if header.startswith("Basic "):
			parts = base64.b64decode(header[6:]).decode("latin-1").split(":", 1)
			client = tuple(map(urllib.parse.unquote_plus, parts))
		if grant == "urn:ietf:params:oauth:grant-type:jwt-bearer":
			if not {"iss", "aud", "exp"} <= set(auth.jwt(form.get("assertion", ""), self.keys) or {}):
				error = "invalid_grant"
		elif client != ("client-1", "client secret"):
			error = "invalid_client"
		elif grant == "refresh_token":
			error = None if form.get("refresh_token") in self.refresh else "invalid_grant"
		elif grant != "client_credentials":
			error = "unsupported_grant_type"
		if error:
			return Reply(401 if error == "invalid_client" else 400, {"error": error, "error_description": "said by the double"},
				Cache_Control="no-store")
		body = {"access_token": "access-" + os.urandom(12).hex(), "token_type": "Bearer",
			"expires_in": request.number("expires", 3600)}
		self.tokens[body["access_token"]] = time.monotonic() + body["expires_in"]
		if grant == "refresh_token" and request.query.get("rotate"):
			self.refresh.discard(form["refresh_token"])
			body["refresh_token"] = "refresh-" + os.urandom(12).hex()
			self.refresh.add(body["refresh_token"])
		return Reply(200, body, Cache_Control="no-store")

	# Control

	def control(self, request):
		way = request.method + " " + request.path
		if way == "POST /control":
			for rule in request.json if isinstance(request.json, list) else [request.json]:
				if not isinstance(rule, dict):
					raise Refused(400, "a rule is an object")
				self.rules.append(dict(faults.check(rule), key="rule %d" % len(self.rules)))
		elif way == "POST /control/rules":
			self.rules, self.counters, self.windows = [], collections.Counter(), {}
			for number, rule in enumerate(request.json["rules"]):
				self.rules.append(dict(faults.check(rule), key="rule %d" % number))
		elif way == "DELETE /control":
			self.forget()
		elif way == "GET /control/log":
			return Reply(200, list(self.log))
		elif way == "GET /control/log.txt":
			return Reply(200, "".join("%(status)s %(method)s %(target)s\n" % entry for entry in self.log), "text/plain")
		elif way == "DELETE /control/log":
			self.forget_log()
		elif way == "GET /control/stats":
			return Reply(200, {"requests": self.requests, "connections": self.connections, "most": self.most, "bytes": self.sent})
		elif way == "POST /control/revoke":
			self.tokens.clear()
		elif way == "POST /control/recording":
			self.recordings.add(request.json)
		elif way == "PUT /control/key":
			self.keys.append(request.body)
		else:
			raise Refused(404, "no such control")
		return Reply(204)

	def rule(self, request):
		"""The rule that this request falls under, with a key to count by; or an empty one."""
		own = dict(urllib.parse.parse_qsl(request.headers.get("x-fault", ""))) or \
			{name[1:]: value for name, value in request.query.items() if name.startswith("_")}
		rules = [dict(faults.check(own), key=own.get("key", request.method + request.target))] if own.get("fault") else []
		for rule in rules + self.rules:
			if not request.path.startswith(rule.get("path", "")) or rule.get("method", request.method) != request.method or \
				not all(request.query.get(name) == str(value) for name, value in rule.get("query", {}).items()):
				continue
			self.counters[rule["key"]] += 1
			if 0 < self.counters[rule["key"]] - int(rule.get("skip", 0)) <= int(rule.get("times", sys.maxsize)):
				return dict(rule)
		return {}

	def answer(self, request):
		"""The reply, with the faults that are in its content, and the rule."""
		rule = self.rule(request)
		names = rule.get("fault", "").split(",")
		instead = next((name for name in names if name in faults.INSTEAD), None)
		reply = faults.INSTEAD[instead](self, request, rule) if instead else None
		if rule.get("done", "0" if reply else "1") == "1":
			try:
				made = self.route(request, request.path)
			except Refused as refused:
				made = refused.reply
			reply = reply or made
		reply = reply or Reply(503, {"error": {"code": 503, "message": "not carried out"}})
		for name in names:
			if name in faults.CONTENT:
				faults.CONTENT[name](reply, rule)
		return reply, rule

	def note(self, request, reply, rule, connection):
		"""The log's entry of a request."""
		entry = {"number": self.requests, "at": round(time.monotonic() - self.begin, 3), "connection": connection,
			"port": request.port, "proxied": request.proxied, "method": request.method, "target": request.target,
			"path": request.path, "query": request.query, "headers": request.headers,
			"body": request.body[:65536].decode("utf-8", "replace"), "status": reply.status, "fault": rule.get("fault")}
		self.log.append(entry)
		return entry


def deaf():
	"""A port whose queue of connections is full, and what keeps it so."""
	listener = socket.create_server(("127.0.0.1", 0), backlog=0)
	held = [listener]
	for _ in range(3):
		held.append(socket.socket())
		held[-1].setblocking(False)
		held[-1].connect_ex(listener.getsockname())
	return listener.getsockname()[1], held


async def serve(options):
	api, secured, held = Api(options.items), None, None
	if options.tls:
		secured = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
		secured.load_cert_chain(options.tls[0], options.tls[1])
		secured.load_verify_locations(options.tls[2])
		secured.verify_mode = ssl.CERT_OPTIONAL
	for name in ("http", "other", "deaf") + (("https",) if secured else ()):
		if name == "deaf":
			api.ports[name], held = deaf()
			continue
		server = await asyncio.start_server(lambda reader, writer, name=name: Connection(api, name, reader, writer).run(),
			"127.0.0.1", 0, limit=1 << 20, backlog=512, ssl=secured if name == "https" else None)
		api.ports[name] = server.sockets[0].getsockname()[1]
	name = os.path.join(options.folder, "ports")
	with open(name + ".new", "w") as file:
		file.write(" ".join(map(str, api.ports.values())) + "\n")
	os.rename(name + ".new", name)
	await asyncio.Event().wait()


parser = argparse.ArgumentParser()
parser.add_argument("folder")
parser.add_argument("--items", type=int, default=1000)
parser.add_argument("--tls", nargs=3)
try:
	asyncio.run(serve(parser.parse_args()))
except KeyboardInterrupt:
	pass
