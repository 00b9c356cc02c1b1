"""faults.py: the double's faults in place of a route's reply, and those in its content; wire.py has those of the sending."""
import email.utils
import functools
import re
import time
import zlib

from wire import Refused, Reply, WIRE


def status(api, request, rule):
	code, kind = int(rule.get("status", 503)), rule.get("body", "json")
	reply = Reply(code, {
		"json": '{"error":{"code":%d,"message":"said by the double"}}' % code,
		"html": "<html><body><h1>%d</h1></body></html>" % code,
		"text": "error %d" % code}.get(kind, ""),
		{"html": "text/html", "text": "text/plain"}.get(kind, "application/json"))
	after = rule.get("retry_after", "")
	if after.startswith("date:"):
		after = email.utils.formatdate(time.time() + float(after[5:]), usegmt=True)
	if after:
		reply.headers.append(("Retry-After", after))
	rate(reply, rule)
	return reply


def rate(reply, rule):
	"""The headers of a rate limit."""
	for name in ("limit", "remaining", "reset"):
		if name in rule:
			value = int(time.time()) + int(rule[name]) if name == "reset" else rule[name]
			reply.headers.append(("X-RateLimit-" + name.capitalize(), str(value)))


def limit(api, request, rule):
	"""None while there are requests left."""
	most, window, now = int(rule.get("limit", 5)), float(rule.get("window", 1)), time.monotonic()
	begin, count = api.windows.get(rule["key"], (now, 0))
	if now >= begin + window:
		begin, count = now, 0
	api.windows[rule["key"]] = (begin, count + 1)
	left = max(1, -int(-(begin + window - now) // 1))
	rule.update(limit=str(most), remaining=str(max(0, most - count - 1)), reset=str(left))
	return None if count < most else status(api, request, dict(rule, status="429", retry_after=str(left)))


def redirect(api, request, rule):
	to, own = rule.get("to", "same"), {name: None for name in request.query if name.startswith("_")}
	path = api.address(request, **own)
	reply = Reply(int(rule.get("status", 302)))
	if to == "loop":
		path = request.target
	elif to == "chain":
		hops = int(rule.get("hops", 3))
		path = path if hops <= 1 else api.address(request, _fault="redirect", _to="chain", _hops=hops - 1)
	if to != "none":
		reply.headers.append(("Location", path if to in ("same", "loop", "chain") else api.target(request, to, path)))
	return reply


# Faults of the content get a reply and the rule.

def changed(change):
	def fault(reply, rule):
		reply.body = change(reply.body)
	return fault


def coded(encoding, change):
	def fault(reply, rule):
		reply.body = change(reply.body)
		reply.headers.append(("Content-Encoding", encoding))
	return fault


def instead(make, type="application/json"):
	"""A body that has nothing to do with the reply's."""
	def fault(reply, rule):
		reply.body = make(rule)
		reply.headers = [pair for pair in reply.headers if pair[0] != "Content-Type"] + [("Content-Type", type)]
	return fault


def deflated(bits):
	def change(body):
		packer = zlib.compressobj(6, zlib.DEFLATED, bits)
		return packer.compress(body) + packer.flush()
	return change


gzip = deflated(31)


def half(body):
	return body[:len(body) // 2]


def gzip_broken(body):
	body = bytearray(gzip(body))
	body[len(body) // 2] ^= 0xff
	return bytes(body)


@functools.lru_cache
def bomb(mb):
	packer, piece = zlib.compressobj(1, zlib.DEFLATED, 31), b"x" * (1 << 20)
	body = [packer.compress(b'[{"id":1,"name":"')] + [packer.compress(piece) for _ in range(mb)]
	return b"".join(body) + packer.compress(b'"}]') + packer.flush()


def gzip_bomb(reply, rule):
	reply.body = bomb(int(rule.get("mb", 1024)))
	reply.headers.append(("Content-Encoding", "gzip"))


def deep(rule):
	levels = int(rule.get("levels", 100000))
	return b'[{"id":1,"tags":' + b"[" * levels + b"]" * levels + b"}]"


def big(rule):
	return b'[{"id":1,"name":"' + b"x" * (int(rule.get("mb", 50)) << 20) + b'"},{"id":2,"name":"small"}]'


def no_content(reply, rule):
	reply.status, reply.body = 204, b""


INSTEAD = {"status": status, "limit": limit, "redirect": redirect}
CONTENT = {
	"gzip": coded("gzip", gzip),
	"deflate": coded("deflate", deflated(15)),
	"deflate_raw": coded("deflate", deflated(-15)),
	"gzip_broken": coded("gzip", gzip_broken),
	"gzip_cut": coded("gzip", lambda body: half(gzip(body))),
	"gzip_lie": coded("gzip", lambda body: body),
	"gzip_bomb": gzip_bomb,
	"encoding_unknown": coded("sdch", lambda body: body),
	"utf8": changed(lambda body: body.replace(b"item ", b"item\xff\xc3 ", 1)),
	"nul": changed(lambda body: body.replace(b"item ", b"item\\u0000 ", 1)),
	"surrogate": changed(lambda body: body.replace(b"item ", b"item\\ud800 ", 1)),
	"bom": changed(lambda body: b"\xef\xbb\xbf" + body),
	"truncated": changed(half),
	"trailing": changed(lambda body: body + b"}]<!-- more -->"),
	"comma": changed(lambda body: body.replace(b"},{\"id\"", b"},,{\"id\"", 1)),
	"nan": changed(lambda body: re.sub(rb'"amount":[0-9.]+', b'"amount":NaN', body, count=1)),
	"duplicate": changed(lambda body: body.replace(b'"id":', b'"id":999999,"id":', 1)),
	"digits": changed(lambda body: re.sub(rb'"amount":[0-9.]+', b'"amount":' + b"1234567890" * 40 + b".5", body, count=1)),
	"exponent": changed(lambda body: re.sub(rb'"amount":[0-9.]+', b'"amount":1e999999999', body, count=1)),
	"html": instead(lambda rule: b"<!DOCTYPE html><html><body>Sign in</body></html>", "text/html"),
	"empty": instead(lambda rule: b""),
	"blank": instead(lambda rule: b" \n\n "),
	"null": instead(lambda rule: b"null"),
	"scalar": instead(lambda rule: b'"maintenance"'),
	"wrong_type": instead(lambda rule: b'{"items":"none","values":7,"data":{"result":{"rows":{"id":1}}}}'),
	"wrong_record": instead(lambda rule: b'[1,"two",[3],null]'),
	"missing": instead(lambda rule: b'{"status":"ok"}'),
	"deep": instead(deep),
	"big": instead(big),
	"graphql_error": instead(lambda rule: b'{"data":null,"errors":[{"message":"said by the double","path":["items"]}]}'),
	"no_content": no_content,
	"limit": lambda reply, rule: rate(reply, rule) if reply.status != 429 else None,
}


def check(rule):
	"""A rule with its values as text, as they are in a query; an error where it has a fault that there is not."""
	for name in str(rule.get("fault", "")).split(","):
		if name not in CONTENT and name not in INSTEAD and name not in WIRE:
			raise Refused(400, 'no fault "%s"' % name)
	return {name: value if isinstance(value, (str, dict)) else str(int(value) if isinstance(value, bool) else value)
		for name, value in rule.items()}
