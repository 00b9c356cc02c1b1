"""auth.py: the checks of signatures: JSON Web Tokens by the openssl command, and AWS Signature Version 4."""
import base64
import datetime as dt
import hashlib
import hmac
import json
import os
import re
import subprocess
import tempfile
import time
import urllib.parse


def unbase64(text):
	return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def der(*numbers):
	"""An ASN.1 sequence of unsigned numbers, as openssl takes an ECDSA signature."""
	out = b""
	for number in numbers:
		number = number.lstrip(b"\0") or b"\0"
		number = b"\0" + number if number[0] & 0x80 else number
		out += b"\x02" + bytes([len(number)]) + number
	return b"\x30" + bytes([len(out)]) + out


def jwt(token, keys):
	"""The claims of a token that one of the public keys (PEM) signed and that expires within an hour or so; else None."""
	try:
		head, claims, signature = token.split(".")
		kind, told, signature = json.loads(unbase64(head)), json.loads(unbase64(claims)), unbase64(signature)
	except ValueError:
		return None
	if kind.get("alg") not in ("RS256", "ES256") or not time.time() < told.get("exp", 0) < time.time() + 3700:
		return None
	if kind["alg"] == "ES256":
		if len(signature) != 64:
			return None
		signature = der(signature[:32], signature[32:])
	with tempfile.TemporaryDirectory() as folder:
		names = [os.path.join(folder, name) for name in ("key", "signature")]
		for key in keys:
			for name, content in zip(names, (key, signature)):
				with open(name, "wb") as file:
					file.write(content)
			done = subprocess.run(["openssl", "dgst", "-sha256", "-verify", names[0], "-signature", names[1]],
				input=(head + "." + claims).encode(), capture_output=True)
			if done.returncode == 0:
				return told
	return None


def quote(text):
	return urllib.parse.quote(text, safe="-_.~")


def sigv4(request, key, secret):
	"""Whether a request is signed by Signature Version 4 with this key, within 15 minutes."""
	match = re.fullmatch(r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/([^/]+)/aws4_request, *"
		r"SignedHeaders=([^,]+), *Signature=([0-9a-f]{64})", request.headers.get("authorization", ""))
	at = request.headers.get("x-amz-date", "")
	if not match or match[1] != key or "host" not in match[5].split(";") or not re.fullmatch(r"\d{8}T\d{6}Z", at):
		return False
	told = dt.datetime.strptime(at, "%Y%m%dT%H%M%SZ").replace(tzinfo=dt.timezone.utc).timestamp()
	if abs(told - time.time()) > 900 or not at.startswith(match[2]):
		return False
	digest = hashlib.sha256(request.body).hexdigest()
	said = request.headers.get("x-amz-content-sha256", digest)
	if said not in (digest, "UNSIGNED-PAYLOAD"):
		return False
	query = "&".join("%s=%s" % pair for pair in sorted((quote(name), quote(value)) for name, value in request.pairs))
	path = request.path if match[4] == "s3" else urllib.parse.quote(request.path, safe="/-_.~")
	names = "".join("%s:%s\n" % (name, " ".join(request.headers.get(name, "").split())) for name in match[5].split(";"))
	canonical = "\n".join((request.method, path, query, names, match[5], said))
	scope = "/".join((match[2], match[3], match[4], "aws4_request"))
	signed = "\n".join(("AWS4-HMAC-SHA256", at, scope, hashlib.sha256(canonical.encode()).hexdigest()))
	derived = b"AWS4" + secret.encode()
	for part in scope.split("/"):
		derived = hmac.digest(derived, part.encode(), "sha256")
	return hmac.compare_digest(hmac.new(derived, signed.encode(), "sha256").hexdigest(), match[6])
