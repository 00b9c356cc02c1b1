#!/usr/bin/env python3
"""server.py: a server, and a proxy, that sends what the first part of the path says, good or bad.

usage: server.py PORT TLS_PORT CERTIFICATE KEY

A body is a pattern of 251 bytes, over and over, so that who reads it sees whether a part is missing.
"""
import asyncio
import gzip
import ssl
import sys
import zlib

PATTERN = bytes(range(251)) * 1000
SERVED = {"connections": 0, "requests": 0}
ZEROS = None


def pattern(size, begin=0):
    begin %= 251
    return (PATTERN * (1 + (size + begin) // len(PATTERN)))[begin : begin + size]


def head(status, *lines):
    return "\r\n".join(("HTTP/1.1 %d X" % status,) + lines + ("", "")).encode()


def reply(body, *lines, status=200):
    return head(status, "Content-Length: %d" % len(body), *lines) + body


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


def packed(form):
    packer = zlib.compressobj(9, zlib.DEFLATED, form)
    return packer.compress(pattern(300000)) + packer.flush()


def bomb():
    global ZEROS
    if not ZEROS:
        packer = zlib.compressobj(9, zlib.DEFLATED, 31)
        ZEROS = b"".join(packer.compress(bytes(1 << 20)) for _ in range(200)) + packer.flush()
    return ZEROS


def broken():
    """A block of a type that there is not."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return packer.compress(pattern(1000)) + packer.flush(zlib.Z_FULL_FLUSH) + b"\x07" + packed(31)


GZIP = "Content-Encoding: gzip"
CHUNKED = "Transfer-Encoding: chunked"
WAYS = {
    "empty": lambda: reply(b""),
    "none": lambda: head(204),
    "chunked": lambda: head(200, CHUNKED) + chunk(pattern(1000)) + chunk(pattern(500, 1000)) + chunk(b""),
    "trailers": lambda: head(200, CHUNKED) + chunk(pattern(1000)) + b"0\r\nStatus: 500\r\nLocation: /x\r\n\r\n",
    "gzip": lambda: reply(packed(31), GZIP),
    "members": lambda: reply(gzip.compress(pattern(1000)) + gzip.compress(pattern(500, 1000)), GZIP),
    "zlib": lambda: reply(packed(15), "Content-Encoding: deflate"),
    "deflate": lambda: reply(packed(-15), "Content-Encoding: Deflate"),
    "identity": lambda: reply(pattern(1000), "Content-Encoding: identity"),
    "gzip_empty": lambda: reply(b"", GZIP),
    "gzip_cut": lambda: reply(packed(31)[:-20], GZIP),
    "gzip_tail": lambda: reply(packed(31)[:-1], GZIP),
    "gzip_broken": lambda: reply(broken(), GZIP),
    "gzip_garbage": lambda: reply(packed(31) + b"garbage", GZIP),
    "gzip_sum": lambda: reply(packed(31)[:-8] + bytes(8), GZIP),
    "no_gzip": lambda: reply(pattern(1000), GZIP),
    "twice": lambda: reply(gzip.compress(packed(31)), "Content-Encoding: gzip, gzip"),
    "twice_lines": lambda: reply(gzip.compress(packed(31)), GZIP, GZIP),
    "br": lambda: reply(b"x", "Content-Encoding: br"),
    "bomb": lambda: reply(bomb(), GZIP),
    "transfer": lambda: head(200, "Transfer-Encoding: gzip, chunked") + chunk(bomb()) + chunk(b""),
    "continue": lambda: head(100) + head(103, "Link: </x>", GZIP) + reply(pattern(1000)),
    "error": lambda: reply(pattern(1000), status=503),
    "lengths": lambda: reply(pattern(1000), "Content-Length: 900"),
    "no_length": lambda: head(200, "Content-Length: -1") + pattern(1000),
    "loop": lambda: reply(pattern(1000), "Location: /loop", status=302),
    "nowhere": lambda: reply(pattern(1000), status=302),
    "fat": lambda: reply(pattern(10_000_000), "Location: /bytes/1000", status=302),
    "unmodified": lambda: head(304, GZIP, "Content-Length: 1000"),
}
# the connection is closed behind these
CUT = {
    "short": lambda: head(200, "Content-Length: 1000") + pattern(500),
    "chunk_cut": lambda: head(200, CHUNKED) + chunk(pattern(1000)) + b"3e8\r\n" + pattern(500, 1000),
    "chunk_end": lambda: head(200, CHUNKED) + chunk(pattern(1000)),
    "chunk_bad": lambda: head(200, CHUNKED) + chunk(pattern(1000)) + b"nonsense\r\n" + pattern(1000),
    "old": lambda: b"HTTP/1.0 200 OK\r\n\r\n" + pattern(1000),
    "close": lambda: b"",
    "head_cut": lambda: head(200, "Content-Length: 1000")[:-2],
    "garbage": lambda: b"SSH-2.0-x\r\n",
    "bare": lambda: b"no headers, but a body\n" * 100,
    "upgrade": lambda: head(101, "Upgrade: x", "Connection: Upgrade") + pattern(1000),
    "only_continue": lambda: head(100),
}


async def way_bytes(writer, size, pause=0, step=65536):
    """So many bytes, with a pause before each step."""
    writer.write(head(200, "Content-Length: %s" % size))
    for begin in range(0, int(size), int(step)):
        await asyncio.sleep(float(pause))
        writer.write(pattern(min(int(step), int(size) - begin), begin))
        await writer.drain()


async def way_late(writer, pause):
    await asyncio.sleep(float(pause))
    writer.write(reply(pattern(1000)))


async def way_stall(writer, size):
    writer.write(head(200, "Content-Length: 1000") + pattern(int(size)))
    await asyncio.sleep(60)


async def way_drip(writer):
    """Packed, so that nothing comes out of what comes: empty blocks of deflate."""
    writer.write(head(200, GZIP, CHUNKED) + chunk(bytes.fromhex("1f8b08000000000000ff")))
    while True:
        await asyncio.sleep(0.05)
        writer.write(chunk(bytes.fromhex("000000ffff")))
        await writer.drain()


async def way_endless(writer, what):
    """Headers, interim replies or trailers without an end."""
    line = head(103) if what == "interim" else b"X-More: %s\r\n" % (b"x" * 1000)
    writer.write({"headers": b"HTTP/1.1 200 OK\r\n", "trailers": head(200, CHUNKED) + b"0\r\n"}.get(what, b""))
    while True:
        writer.write(line)
        await writer.drain()


async def way_to(writer, scheme, host, port, *path):
    where = "%s://%s:%s/%s" % (scheme, host, port, "/".join(path))
    writer.write(reply(pattern(1000), "Location: " + where, status=307))


async def read_head(reader):
    lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    return lines[0].split(" "), {k.lower(): v.strip() for k, v in (x.split(":", 1) for x in lines[1:] if x)}


async def tunnel(reader, writer, target):
    """Joins the two ends of a proxy's connection."""
    host, port = target.rsplit(":", 1)
    far_reader, far_writer = await asyncio.open_connection(host, int(port))
    writer.write(head(200))

    async def copy(source, to):
        try:
            while data := await source.read(65536):
                to.write(data)
                await to.drain()
        except OSError:
            pass
        to.close()

    await asyncio.gather(copy(reader, far_writer), copy(far_reader, writer))


async def answer(reader, writer, first):
    """One request; false: the connection ends with it."""
    (method, target, _), headers = await read_head(reader)
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    SERVED["requests"] += 1
    if method == "CONNECT":
        if headers.get("proxy-authorization") != "Basic dTpw":
            writer.write(reply(b"who are you?", "Proxy-Authenticate: Basic", status=407))
            return True
        await tunnel(reader, writer, target)
        return False
    by_proxy = "with" if target.startswith("http://") else "without"
    way, *rest = (target.split("/", 3)[3] if by_proxy == "with" else target[1:]).split("/")
    if method == "HEAD":
        writer.write(head(200, GZIP, "Content-Length: 1000"))
    elif way in CUT:
        writer.write(CUT[way]())
        return False
    elif way in WAYS:
        writer.write(WAYS[way]())
    elif way == "served":
        writer.write(reply(b"%d" % SERVED[rest[0]]))
        SERVED.update(connections=0, requests=0)
    elif way == "first":
        # only the first request of a connection is answered
        if not first:
            return False
        writer.write(reply(pattern(1000)))
    elif way == "echo":
        secret = "with" if "x-secret" in headers else "without"
        line = "%s %s, %s secret, %s proxy, %s" % (method, len(body), secret, by_proxy, headers.get("expect"))
        writer.write(reply(line.encode()))
    else:
        await globals()["way_" + way](writer, *rest)
    await writer.drain()
    return True


async def serve(reader, writer):
    SERVED["connections"] += 1
    first = True
    try:
        while await answer(reader, writer, first):
            first = False
        await writer.drain()
    except (OSError, EOFError):
        pass
    writer.close()


async def main(port, tls_port, certificate, key):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    await asyncio.start_server(serve, "127.0.0.1", int(port))
    await asyncio.start_server(serve, "127.0.0.1", int(tls_port), ssl=context)
    print("ready", flush=True)
    await asyncio.Event().wait()


asyncio.run(main(*sys.argv[1:]))
