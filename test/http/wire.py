"""wire.py: HTTP/1.1 of the double: requests, replies, connections, and the faults of the sending."""
import asyncio
import itertools
import json
import re
import socket
import ssl
import struct
import sys
import traceback
import urllib.parse

from records import record

BODY_LIMIT = 200 * 1024 * 1024
WIRE = set("""drop_before drop_headers drop_body stall_before stall_headers stall_body delay slow length_long length_short chunked
	chunk_broken chunk_garbage http10 close close_unsaid early endless garbage headers_huge headers_many""".split())
PHRASES = {200: "OK", 201: "Created", 204: "No Content", 301: "Moved Permanently", 302: "Found", 400: "Bad Request",
	401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 429: "Too Many Requests", 500: "Internal Server Error",
	503: "Service Unavailable"}


class Reply:
	def __init__(self, status=200, body=b"", type="application/json", **headers):
		self.status = status
		self.headers = [(name.replace("_", "-"), value) for name, value in headers.items()] + [("Content-Type", type)]
		self.body = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else \
			json.dumps(body, ensure_ascii=False).encode()


class Refused(Exception):
	"""A request that gets an error: status, message, headers."""
	def __init__(self, status, message, **headers):
		self.reply = Reply(status, {"error": {"code": status, "message": message}}, **headers)


class Gone(Exception):
	"""The connection is to be closed."""


class Request:
	"""parameters are those of the query, and of a JSON body, where objects in it are seen through."""
	def __init__(self, method, target, headers, body):
		self.method, self.target, self.headers, self.body = method, target, headers, body
		self.path, _, query = target.partition("?")
		self.pairs = urllib.parse.parse_qsl(query, keep_blank_values=True)
		self.query = dict(self.pairs)
		self.json, self.parameters = None, {}
		for name, value in self.pairs:
			self.parameters[name] = self.parameters[name] + "," + value if name in self.parameters else value
		if body[:1] in (b"{", b"["):
			try:
				self.json = json.loads(body)
			except ValueError:
				pass
		if isinstance(self.json, dict):
			self.see(self.json)

	def see(self, value):
		for name, inner in value.items():
			if isinstance(inner, dict):
				self.see(inner)
			elif isinstance(inner, list):
				self.parameters[name] = ",".join(map(str, inner))
			elif inner is not None:
				self.parameters[name] = inner if isinstance(inner, str) else json.dumps(inner)

	def number(self, name, default):
		text = self.parameters.get(name, "")
		if text and not re.fullmatch(r"[0-9]{1,15}", text):
			raise Refused(400, "%s is not a number" % name)
		return int(text) if text else default


class Connection:
	def __init__(self, api, port, reader, writer):
		self.api, self.port, self.reader, self.writer = api, port, reader, writer
		api.connections += 1
		self.number = api.connections

	async def run(self):
		self.writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
		try:
			while await self.one():
				pass
		except (Gone, ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ssl.SSLError, ValueError):
			pass
		finally:
			self.writer.close()

	async def request(self):
		"""The next request, or None at the connection's end."""
		try:
			head = await self.reader.readuntil(b"\r\n\r\n")
		except asyncio.IncompleteReadError:
			return None
		lines = head.decode("latin-1").split("\r\n")
		method, target, version = lines[0].split(" ")
		headers = {}
		for line in lines[1:-2]:
			name, _, value = line.partition(":")
			name, value = name.lower(), value.strip()
			headers[name] = headers[name] + ", " + value if name in headers else value
		if headers.get("expect", "").lower() == "100-continue":
			self.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
		proxied = target.startswith("http://")
		if proxied:
			target = "/" + "".join(target.split("/", 3)[3:])
		request = Request(method, target, headers, await self.body(headers))
		request.version, request.port, request.proxied = version, self.port, proxied
		request.certificate = self.port == "https" and self.writer.get_extra_info("peercert")
		return request

	async def body(self, headers):
		body = b""
		if "chunked" in headers.get("transfer-encoding", ""):
			while size := int((await self.reader.readuntil(b"\r\n")).split(b";")[0], 16):
				body += (await self.reader.readexactly(size + 2))[:-2]
			while await self.reader.readuntil(b"\r\n") != b"\r\n":
				pass
		elif "content-length" in headers:
			size = int(headers["content-length"])
			if size > BODY_LIMIT:
				raise Gone
			body = await self.reader.readexactly(size)
		return body

	async def one(self):
		"""Answers a request; tells whether another may follow."""
		api, request = self.api, await self.request()
		if request is None:
			return False
		if request.method == "CONNECT":
			return await self.tunnel(request)
		if request.path == "/control" or request.path.startswith("/control/"):
			reply, rule = self.made(request, lambda: (api.control(request), {}))
			return await self.send(request, reply, rule)
		api.requests += 1
		api.running += 1
		api.most = max(api.most, api.running)
		try:
			reply, rule = self.made(request, lambda: api.answer(request))
			self.entry = api.note(request, reply, rule, self.number)
			return await self.send(request, reply, rule)
		finally:
			api.running -= 1

	def made(self, request, make):
		"""A reply and its rule, whatever happens in making them."""
		try:
			return make()
		except Refused as refused:
			return refused.reply, {}
		except Exception:
			traceback.print_exc()
			sys.stderr.flush()
			return Reply(500, {"error": {"code": 500, "message": "the double failed on %s" % request.target}}), {}

	async def tunnel(self, request):
		"""A proxy's CONNECT."""
		self.api.requests += 1
		reply, rule = self.made(request, lambda: self.api.answer(request))
		self.entry = self.api.note(request, reply, rule, self.number)
		if reply.status != 200:
			return await self.send(request, reply, rule)
		reader, writer = await asyncio.open_connection("127.0.0.1", int(request.target.rpartition(":")[2]))
		self.writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")

		async def pump(source, sink):
			try:
				while data := await source.read(65536):
					sink.write(data)
					await sink.drain()
			except ConnectionError:
				pass
			finally:
				sink.close()

		await asyncio.gather(pump(self.reader, writer), pump(reader, self.writer))
		return False

	def drop(self, reset):
		"""Closes the connection, by RST if so."""
		if reset:
			sock = self.writer.get_extra_info("socket")
			sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
			self.writer.transport.abort()
		raise Gone

	async def stall(self, rule):
		"""Waits as long as the rule says, or until the client has gone."""
		try:
			await asyncio.wait_for(self.reader.read(1), float(rule.get("seconds", 3600)))
		except asyncio.TimeoutError:
			return
		self.entry["gone"] = True
		raise Gone

	async def write(self, data):
		self.writer.write(data)
		await self.writer.drain()

	async def send(self, request, reply, rule):
		"""Sends a reply, with the faults of the sending; tells whether the connection goes on."""
		faults, reset = set(rule.get("fault", "").split(",")) & WIRE, rule.get("reset") == "1"
		if "delay" in faults:
			await asyncio.sleep(float(rule.get("ms", 100)) / 1000)
		if "drop_before" in faults:
			self.drop(reset)
		if "stall_before" in faults:
			await self.stall(rule)
		if "garbage" in faults:
			await self.write(bytes(range(128, 256)) * 8 + b"\r\n\r\n")
			self.drop(False)
		head, body, goes_on = self.frame(request, reply, rule, faults)
		self.api.sent += len(body)
		if "early" in faults:
			await self.write(b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n")
		for place, at in ("headers", len(head) // 2), ("body", len(head) + int(rule.get("at", len(body) // 2))):
			if "drop_" + place in faults or "stall_" + place in faults:
				await self.write((head + body)[:at])
				if "drop_" + place in faults:
					if reset:
						await asyncio.sleep(0.05)
					self.drop(reset)
				await self.stall(rule)
				head, body = (head + body)[at:], b""
		if "endless" in faults:
			await self.endless(head)
		if "slow" in faults:
			step = int(rule.get("bytes", 100))
			await self.write(head)
			for at in range(0, len(body), step):
				await self.write(body[at:at + step])
				await asyncio.sleep(float(rule.get("ms", 100)) / 1000)
		elif len(body) < 65536:
			await self.write(head + body)
		else:
			self.writer.write(head)
			await self.write(body)
		return goes_on and "close_unsaid" not in faults

	async def endless(self, head):
		"""An array of records that does not end."""
		await self.write(head + b"1\r\n[\r\n")
		for first in itertools.count(1, 1000):
			piece = "".join(record(i) + "," for i in range(first, first + 1000)).encode()
			self.api.sent += len(piece)
			await self.write(b"%x\r\n%s\r\n" % (len(piece), piece))

	def frame(self, request, reply, rule, faults):
		"""The bytes of headers and body, and whether the connection is kept."""
		headers, version, body = list(reply.headers), "HTTP/1.1", reply.body
		goes_on = request.headers.get("connection", "").lower() != "close" and request.version == "HTTP/1.1"
		length = len(body)
		if "headers_huge" in faults:
			headers.append(("X-Huge", "h" * int(rule.get("bytes", 1000000))))
		if "headers_many" in faults:
			headers += [("X-Many-%d" % i, "h") for i in range(int(rule.get("count", 10000)))]
		if faults & {"length_long", "length_short"}:
			length = max(0, length + int(rule.get("by", 10)) * (1 if "length_long" in faults else -1))
		if faults & {"length_long", "length_short", "close", "chunk_broken", "chunk_garbage", "http10"}:
			goes_on = False
		if "http10" in faults:
			version = "HTTP/1.0"
		elif faults & {"chunked", "chunk_broken", "chunk_garbage", "endless"}:
			headers.append(("Transfer-Encoding", "chunked"))
			body = chunked(body, int(rule.get("bytes", 1000)), faults)
		elif reply.status not in (204, 304):
			headers.append(("Content-Length", str(length)))
		if not goes_on:
			headers.append(("Connection", "close"))
		if request.method == "HEAD" or reply.status in (204, 304):
			body = b""
		lines = ["%s %d %s" % (version, reply.status, PHRASES.get(reply.status, "Status"))]
		return ("\r\n".join(lines + ["%s: %s" % pair for pair in headers]) + "\r\n\r\n").encode("latin-1"), body, goes_on


def chunked(body, step, faults):
	"""A body in pieces, whole or not."""
	pieces = [body[at:at + step] for at in range(0, len(body), step)] + [b""]
	chunks = [b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces]
	if "chunk_broken" in faults:
		chunks = chunks[:len(chunks) // 2]
	elif "chunk_garbage" in faults:
		chunks = chunks[:1] + [b"zzzz\r\n"] + chunks[1:]
	return b"".join(chunks)
