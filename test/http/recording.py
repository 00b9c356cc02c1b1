"""recording.py: replies that were recorded from a real API, served again."""
import json
import re
import urllib.parse

from wire import Refused, Reply

OWN = {"connection", "content-encoding", "content-length", "date", "keep-alive", "transfer-encoding"}


class Recordings:
	"""Replies by request: method, path, parameters but those of a fault, and body where one was recorded."""
	def __init__(self):
		self.replies = {}

	def add(self, entries):
		for entry in entries if isinstance(entries, list) else [entries]:
			try:
				path, _, query = entry["path"].partition("?")
				key = self.key(entry["method"], path, urllib.parse.parse_qsl(query, keep_blank_values=True), entry.get("body"))
				self.replies.setdefault(key, []).append((entry["status"], entry.get("scope", ""), self.headers(entry),
					entry.get("response", "")))
			except (TypeError, KeyError):
				raise Refused(400, "a recording has method, path, status and response")

	def key(self, method, path, pairs, body):
		return method.upper(), urllib.parse.unquote(path), tuple(sorted(pair for pair in pairs if not pair[0].startswith("_"))), \
			json.dumps(body, sort_keys=True) if body else ""

	def headers(self, entry):
		raw = entry.get("headers", entry.get("rawHeaders", []))
		pairs = zip(raw[::2], raw[1::2]) if isinstance(raw, list) else raw.items()
		return [(name, str(value)) for name, value in pairs if name.lower() not in OWN]

	def reply(self, request, path, own):
		"""The reply to a request, with the address own for the real one; the last of several is given again. None without one."""
		body = request.json if request.json is not None else request.body.decode("utf-8", "replace")
		found = self.replies.get(self.key(request.method, path, request.pairs, body)) or \
			self.replies.get(self.key(request.method, path, request.pairs, None))
		if not found:
			return None
		status, scope, headers, content = found.pop(0) if len(found) > 1 else found[0]
		real = re.sub(r":(443|80)$", "", scope) or own
		text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
		reply = Reply(status, text.replace(real, own))
		if any(name.lower() == "content-type" for name, value in headers):
			reply.headers = []
		reply.headers += [(name, value.replace(real, own)) for name, value in headers]
		return reply
