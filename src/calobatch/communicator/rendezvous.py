"""The rendezvous: rank 0 serves a small key-value store over HTTP, in which the ranks meet.

Horovod's C++ code and torch exchange the addresses of the ranks in it. It is open only to processes
that know the secret of the job (placement.py):

* It listens at one address, at which the other ranks reach rank 0, and on no other interface.
* Every path begins with a word derived from the secret. Without it nothing can be read or written.
* A rank reveals this word only after the server has proved that it knows the secret too, because
  another process may have taken rank 0's port.
* A value that was written is never replaced by another.

What this does not protect: HTTP is not encrypted. A process that reads the packets between nodes
knows that word. After the ranks have met, they talk over TCP connections of Gloo and NCCL, which
check nobody. A process that reaches these ports, and answers faster than a rank, can disturb the
training or send other tensors and sums. It cannot send other values that are broadcast or gathered
(message.py), and runs no code.
"""

import hmac
import re
import secrets
import socket
import threading
from dataclasses import replace
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import quote

from calobatch.communicator.placement import Placement
from calobatch.errors import JobError

SECONDS_TO_FIND = 5.0
# Rank 0 may be slow on a busy machine, and many ranks ask it at the same moment.
SECONDS_PER_REQUEST = 30.0
# Addresses of ranks take some hundred bytes.
MOST_BYTES_OF_A_VALUE = 2**20
# A client sends random digits to this path, and the server returns their MAC.
PROOF_PATH = "/proof/"
DIGITS = re.compile("[0-9a-f]{64}")


def serve(place: Placement) -> Placement:
    """Serve the rendezvous of ``place`` until the process ends; return the place with its port.

    The port of ``place`` is 0 if no launcher started this rank; the server then takes a free one.
    Raises a JobError if the address or the port cannot be used.
    """
    try:
        server = _Server((place.address, place.port), _Handler)
    except OSError as error:
        raise JobError(
            f"rank 0 cannot listen on port {place.port} ({error}); run the same command again"
        ) from None
    place = replace(place, port=int(server.server_address[1]))
    server.place = place
    threading.Thread(target=server.serve_forever, name="rendezvous", daemon=True).start()
    return place


class Rendezvous:
    """The rendezvous as a rank sees it. All methods raise an OSError if rank 0 does not answer."""

    def __init__(self, place: Placement) -> None:
        self.place = place

    def find(self) -> str | None:
        """Return the numeric address at which rank 0 answers; None if nothing listens there yet.

        Raises a ConnectionError if the process that listens there is not rank 0 of this job.
        """
        digits = secrets.token_hex(32)
        connection = self._connection(SECONDS_TO_FIND)
        try:
            connection.connect()
            address: str = connection.sock.getpeername()[0]
            status, answer = _request(connection, "GET", PROOF_PATH + digits)
        except ConnectionRefusedError:
            return None
        finally:
            connection.close()
        if status != HTTPStatus.OK or not hmac.compare_digest(answer, _proof(self.place, digits)):
            raise ConnectionError("the process that listens there does not know this job's secret")
        return address

    def write(self, key: str, value: bytes) -> bool:
        """Store ``value``, and return whether the server has accepted it."""
        return self._answer("PUT", key, value)[0] == HTTPStatus.OK

    def read(self, key: str) -> bytes | None:
        """Return the value of ``key``, or None if it has none yet."""
        status, value = self._answer("GET", key)
        return value if status == HTTPStatus.OK else None

    def put(self, name: str) -> bool:
        """Put ``name`` on the board of the meeting, and return whether it was accepted."""
        return self.write(f"meeting/{name}", b"here")

    def has(self, name: str) -> bool:
        """Return whether ``name`` is on the board of the meeting."""
        return self.read(f"meeting/{name}") is not None

    def _answer(self, method: str, key: str, value: bytes = b"") -> tuple[int, bytes]:
        connection = self._connection(SECONDS_PER_REQUEST)
        try:
            return _request(connection, method, _prefix(self.place) + quote(key), value)
        finally:
            connection.close()

    def _connection(self, seconds: float) -> HTTPConnection:
        # Not urllib, which would send this through the user's proxy.
        return HTTPConnection(self.place.address, self.place.port, timeout=seconds)


def horovod_environment(place: Placement) -> dict[str, str]:
    """Return the variables that lead Horovod's C++ code to the rendezvous.

    Horovod reads and writes `http://ADDR:PORT/scope/key`. An ADDR that contains a path makes it
    send the word derived from the secret, although it knows nothing of secrets.
    """
    before, _, after = f"{place.address}:{place.port}{_prefix(place)}".rpartition(":")
    return {
        "HOROVOD_GLOO_RENDEZVOUS_ADDR": before,
        "HOROVOD_GLOO_RENDEZVOUS_PORT": after.rstrip("/"),
    }


def _prefix(place: Placement) -> str:
    """Return what every path begins with; the port at its end is what Horovod puts there."""
    return f"/{place.derived('rendezvous').hex()}:{place.port}/"


def _proof(place: Placement, digits: str) -> bytes:
    return hmac.digest(place.derived("proof"), digits.encode("ascii"), "sha256")


def _request(
    connection: HTTPConnection, method: str, path: str, body: bytes = b""
) -> tuple[int, bytes]:
    try:
        connection.request(method, path, body=body)
        answer = connection.getresponse()
        return answer.status, answer.read(MOST_BYTES_OF_A_VALUE)
    except HTTPException as error:
        raise ConnectionError(
            f"the process that listens there does not speak HTTP: {error!r}"
        ) from None


class _Server(ThreadingHTTPServer):
    """The server, for many ranks that call at the same moment."""

    request_queue_size = 1024
    place: Placement

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(address, handler)
        self.lock = threading.Lock()
        self.values: dict[str, bytes] = {}

    def server_bind(self) -> None:
        """Bind without the look-up of the server's name, which can take seconds."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()

    def handle_error(self, request: object, client_address: object) -> None:
        """Print nothing: a foreign process that breaks off must not fill the log."""


class _Handler(BaseHTTPRequestHandler):
    timeout = SECONDS_PER_REQUEST
    server: _Server

    def do_GET(self) -> None:
        """Return a value, or the proof that this server knows the secret."""
        digits = self.path.removeprefix(PROOF_PATH)
        if digits != self.path and DIGITS.fullmatch(digits):
            self._answer(HTTPStatus.OK, _proof(self.server.place, digits))
        elif key := self._key():
            with self.server.lock:
                value = self.server.values.get(key)
            self._answer(HTTPStatus.NOT_FOUND if value is None else HTTPStatus.OK, value or b"")

    def do_PUT(self) -> None:
        """Store a value, unless the key has another."""
        if key := self._key():
            text = self.headers.get("Content-Length", "")
            if not (text.isascii() and text.isdigit() and int(text) <= MOST_BYTES_OF_A_VALUE):
                self._answer(HTTPStatus.BAD_REQUEST)
                return
            value = self.rfile.read(int(text))
            with self.server.lock:
                same = self.server.values.setdefault(key, value) == value
            self._answer(HTTPStatus.OK if same else HTTPStatus.CONFLICT)

    def do_DELETE(self) -> None:
        """Accept Horovod's message that a rank has finished, and delete nothing."""
        if self._key():
            self._answer(HTTPStatus.OK)

    def _key(self) -> str | None:
        """Return the key in the path; refuse the request, and return None, without the secret."""
        prefix = _prefix(self.server.place).encode()
        path = self.path.encode("utf-8", "replace")
        if hmac.compare_digest(path[: len(prefix)], prefix) and len(path) > len(prefix):
            return self.path[len(prefix) :]
        self._answer(HTTPStatus.FORBIDDEN)
        return None

    def _answer(self, status: HTTPStatus, body: bytes = b"") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Print nothing."""
