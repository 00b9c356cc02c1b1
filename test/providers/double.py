#!/usr/bin/env python3
"""double.py: a double of a server that misbehaves, for what no real one does on demand.

usage: double.py PORT LOG OTHER_URL [CERTIFICATE KEY AUTHORITY]      (TLS 1.2, for clients with a certificate)

The first part of the path says how it answers; for AWS, whose path is always /, the name of the secret does. Each request
is a line of LOG, with what it carried.
"""
import gzip
import http.server
import json
import ssl
import sys
import time

port, log, other = int(sys.argv[1]), sys.argv[2], sys.argv[3]

REDIRECTS = {
    "metadata": "http://169.254.169.254/latest/meta-data",
    "file": "file:///etc/passwd",
    "other": other + "/ok",
    "plain": "http://localhost:%d/ok" % port,
    "user": "http://somebody:secret@localhost:%d/ok" % port,
    "same": "/ok",
    "loop": "/loop",
}
STATUS = {"e401": 401, "e429": 429, "e500": 500, "e503": 503}
AWS = {
    "throttled": "ThrottlingException",
    "expired": "com.amazonaws.secretsmanager#ExpiredTokenException",
    "late": "InvalidSignatureException",
    "unheard": "SomethingNewException",
}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    logins = 0

    def setup(self):
        super().setup()
        with open(log + ".connections", "a") as file:
            file.write("connection\n")

    def log_message(self, *arguments):
        pass

    def reply(self, status, body, **headers):
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def vault(self, way, rest):
        if way in REDIRECTS:
            return self.reply(307, b"", Location=REDIRECTS[way] + rest)
        if way in STATUS:
            return self.reply(STATUS[way], b'{"errors":["canary in a body"]}')
        # late_: only the second request, for the secret, goes this way
        if way.startswith("late_"):
            way = way[5:] if "/data/" in rest else "ok"
        return getattr(self, "way_" + way)(rest)

    def way_ok(self, rest):
        data = {"data": {"value": "the value"}, "metadata": {"version": 1}, "ttl": 0}
        body = gzip.compress(json.dumps({"data": data}).encode())
        self.reply(200, body, Content_Encoding="gzip", Content_Type="application/json")

    def way_space(self, rest):
        if self.headers.get("X-Vault-Namespace") == "team":
            return self.way_ok(rest)
        self.reply(404, b'{"errors":[]}')

    # the token of the first login is good no longer when it is used
    def way_stale(self, rest):
        if rest.endswith("/login"):
            Handler.logins += 1
            token = {"client_token": "token %d" % Handler.logins, "lease_duration": 60}
            return self.reply(200, json.dumps({"auth": token}).encode())
        if self.headers.get("X-Vault-Token") != "token 2":
            return self.reply(403, b'{"errors":["permission denied", "invalid token"]}')
        self.way_ok(rest)

    def way_html(self, rest):
        self.reply(200, b"<html>Log in, canary</html>", Content_Type="text/html")

    def way_huge(self, rest):
        self.send_response_only(200)
        self.send_header("Content-Length", str(10**10))
        self.end_headers()
        while True:
            self.wfile.write(b" " * 65536)

    def way_endless(self, rest):
        self.send_response_only(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        while True:
            self.wfile.write(b"10000\r\n" + b" " * 65536 + b"\r\n")

    def way_headers(self, rest):
        self.wfile.write(b"HTTP/1.1 200 OK\r\n")
        while True:
            self.wfile.write(b"X-More: " + b"x" * 1000 + b"\r\n")

    def way_bomb(self, rest):
        self.reply(200, gzip.compress(b" " * 100_000_000), Content_Encoding="gzip")

    def way_hang(self, rest):
        time.sleep(60)

    def way_drip(self, rest):
        self.send_response_only(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        for _ in range(1000):
            self.wfile.write(b" ")
            self.wfile.flush()
            time.sleep(0.1)

    def way_close(self, rest):
        self.close_connection = True

    def way_short(self, rest):
        self.send_response_only(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.close_connection = True

    def way_garbage(self, rest):
        self.wfile.write(b"SSH-2.0-canary\r\n")
        self.close_connection = True

    def aws(self, body):
        name = json.loads(body).get("SecretId", "")
        if name == "html":
            return self.reply(502, b"<html>canary</html>")
        date = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() - 900 * (name == "late")))
        error = {"__type": AWS.get(name, "ResourceNotFoundException"), "message": "canary in a body"}
        self.reply(400, json.dumps(error).encode(), Date=date)

    def handle_any(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        with open(log, "a") as file:
            token = "with" if "X-Vault-Token" in self.headers else "without"
            file.write("%s %s %s token\n" % (self.command, self.path, token))
        try:
            if "X-Amz-Target" in self.headers:
                return self.aws(body)
            way, slash, rest = self.path[1:].partition("/")
            self.vault(way, slash + rest)
        except OSError:
            self.close_connection = True

    do_GET = do_POST = handle_any


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass


server = Server(("127.0.0.1", port), Handler)
if len(sys.argv) > 4:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[4], sys.argv[5])
    context.load_verify_locations(sys.argv[6])
    context.verify_mode = ssl.CERT_REQUIRED
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
