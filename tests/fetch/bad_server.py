"""A file server on 127.0.0.1 that misbehaves as scripted, with one scripted answer per request.

Without a script it is a good server: ETag, Last-Modified, byte ranges, If-Range. Like many servers
it compresses files for every client that does not ask for uncompressed ones.
"""

import gzip
import hashlib
import re
import socket
import struct
import threading
from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

LAST_MODIFIED = "Wed, 21 Oct 2015 07:28:00 GMT"


@dataclass(frozen=True)
class Answer:
    """What is wrong with one answer.

    ``headers`` replace the usual headers; None removes a header. ``content`` replaces the file. The
    body ends after ``cut`` bytes, or stops after ``stall`` bytes while the connection stays open;
    ``reset`` ends it with a TCP reset. ``chunked`` sends no Content-Length, and together with
    ``cut`` no last chunk, so that nothing tells whether the body is complete.
    """

    status: int | None = None
    headers: Mapping[str, str | None] = field(default_factory=dict)
    content: bytes | None = None
    cut: int | None = None
    stall: int | None = None
    reset: bool = False
    chunked: bool = False
    ignores_range: bool = False
    ignores_if_range: bool = False


GOOD = Answer()


@dataclass
class Request:
    """A line of the log: what the client requested, and what was sent."""

    start: int | None
    if_range: str | None
    authorization: str | None = None
    status: int = 0
    sent: int = 0


class BadServer:
    """Serves files by name; ``log[name]`` holds the requests in the order of their arrival."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.script: dict[str, deque[Answer]] = defaultdict(deque)
        self.log: dict[str, list[Request]] = defaultdict(list)
        self.authorization: str | None = None  # what a client has to send, if anything
        self.stop = threading.Event()
        server = self

        class BoundHandler(_Handler):
            bad_server = server

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), BoundHandler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_port}"

    def serve(self, name: str, content: bytes, *answers: Answer) -> str:
        """Serve ``content`` as ``name``, ``answers`` to the first requests; return its URL."""
        self.files[name] = content
        self.script[name] = deque(answers)
        self.log[name] = []
        return f"{self.url}/{name}"

    def __enter__(self) -> Self:
        threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        self.http.shutdown()
        self.http.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    bad_server: BadServer

    def do_GET(self) -> None:
        name = self.path.removeprefix("/")
        if name not in self.bad_server.files:
            self.send_error(404)
            return
        script = self.bad_server.script[name]
        answer = script.popleft() if script else GOOD
        content = self.bad_server.files[name] if answer.content is None else answer.content
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        request = Request(
            int(asked[1]) if asked else None,
            self.headers.get("If-Range"),
            self.headers.get("Authorization"),
        )
        self.bad_server.log[name].append(request)
        if self.bad_server.authorization not in (None, request.authorization):
            answer = Answer(status=401)
        self._answer(answer, content, request)

    def _answer(self, answer: Answer, content: bytes, request: Request) -> None:
        packed = "gzip" in self.headers.get("Accept-Encoding", "gzip")
        content = gzip.compress(content) if packed else content
        etag = f'"{hashlib.sha256(content).hexdigest()[:16]}"'
        headers: dict[str, str | None] = {"ETag": etag, "Last-Modified": LAST_MODIFIED}
        headers |= {"Content-Type": "application/octet-stream", "Connection": "close"}
        headers |= {"Content-Encoding": "gzip"} if packed else {}
        headers |= answer.headers
        status, body = 200, content
        guards = (None, headers["ETag"], headers["Last-Modified"])
        guarded = answer.ignores_if_range or request.if_range in guards
        if request.start is not None and guarded and not answer.ignores_range:
            status, body = 206, content[request.start :]
            if request.start >= len(content):
                status, body = 416, b""
            span = f"{request.start}-{len(content) - 1}" if body else "*"
            headers = {"Content-Range": f"bytes {span}/{len(content)}"} | headers
        if answer.status and answer.status >= 400:
            body = b""
        if answer.chunked:
            headers["Transfer-Encoding"] = "chunked"
        else:
            headers = {"Content-Length": str(len(body))} | headers
        request.status = answer.status or status
        self._send(answer, headers, body, request)

    def _send(
        self, answer: Answer, headers: Mapping[str, str | None], body: bytes, request: Request
    ) -> None:
        self.send_response(request.status)
        for name, value in headers.items():
            if value is not None:
                self.send_header(name, value)
        self.end_headers()
        limits = [limit for limit in (answer.cut, answer.stall) if limit is not None]
        body = body[: min(limits, default=len(body))]
        request.sent = len(body)
        try:
            self.wfile.write(_chunk(body) if answer.chunked else body)
            if answer.chunked and answer.cut is None:
                self.wfile.write(b"0\r\n\r\n")
            if answer.stall is not None:
                self.bad_server.stop.wait()
        except OSError:
            pass  # the client left; the log has the number of bytes meant for it
        self.close_connection = True
        if answer.reset:
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.connection.close()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
        pass


def _chunk(body: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(body), body) if body else b""
