#!/usr/bin/env python3
"""http_source.py: the tables of the contract suite as an API: http_source.py PORT serves each as a list of objects at /<table>."""
import http.server
import json
import sys
import time


def million(first, last):
	for i in range(first, last + 1, 1000):
		yield ",".join('{"id":%d,"v":"row %d of a table of a million"}' % (j, j) for j in range(i, min(i + 1000, last + 1)))


class Handler(http.server.BaseHTTPRequestHandler):
	protocol_version, disable_nagle_algorithm = "HTTP/1.1", True

	def log_message(self, *arguments):
		pass

	def piece(self, data):
		self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
		self.wfile.flush()

	def rows(self, texts):
		"""Sends pieces of records; those that are numbers are seconds to wait, None breaks off."""
		self.send_response(200)
		self.send_header("Content-Type", "application/json")
		self.send_header("Transfer-Encoding", "chunked")
		self.end_headers()
		self.piece(b"[")
		first = True
		for text in texts:
			if text is None:
				self.close_connection = True
				return
			if isinstance(text, int):
				time.sleep(text)
				continue
			self.piece((b"" if first else b",") + (text if isinstance(text, bytes) else text.encode()))
			first = False
		self.piece(b"]")
		self.wfile.write(b"0\r\n\r\n")

	def do_GET(self):
		table = self.path.strip("/")
		if table == "numbers":
			self.rows((",".join('{"id":%d,"v":"row %d"}' % (i, i) for i in range(1, 1001)),))
		elif table == "million":
			self.rows(million(1, 1000000))
		elif table == "no_rows":
			self.rows(())
		elif table == "slow":
			self.rows((30, '{"id":1,"v":"late"}'))
		elif table == "trickle":
			self.rows((*million(1, 50000), 30, *million(50001, 51000)))
		elif table == "fails":
			self.rows((*million(1, 50000), None))
		elif table == "dirty":
			self.rows(('{"id":1,"v":"good"}', b'{"id":2,"v":"bad \xff"}'))
		elif table == "nul":
			self.rows(('{"id":1,"v":"good"}', '{"id":2,"v":"bad \\u0000"}'))
		elif table == "big":
			self.rows((json.dumps({"id": 1, "v": "x" * (16 << 20)}),))
		else:
			self.send_error(404)


http.server.ThreadingHTTPServer.daemon_threads = True
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
