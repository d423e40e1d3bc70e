"""What a test needs to find out where a marked password goes: servers that ask for it, and eyes."""

import base64
import functools
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

SECONDS_BETWEEN_LOOKS = 0.02
VERBS = {b"fetch", b"collect", b"report"}


def authorization(user: str, password: str) -> str:
    """Return what a client sends to log in with Basic authentication."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


class Guarded:
    """A mixin for request handlers: without the right password, each request is answered by 401."""

    login = ""

    def parse_request(self) -> bool:
        if not super().parse_request():
            return False
        if self.headers.get("Authorization") == self.login:
            return True
        self.send_response(401)
        self.send_header("WWW-Authenticate", 'Basic realm="test"')
        self.send_header("Content-Length", "0")
        self.end_headers()
        self.close_connection = True
        return False

    def log_message(self, *_: object) -> None:
        pass


class Files(Guarded, SimpleHTTPRequestHandler):
    """Serves a folder."""


class Proxy(Guarded, BaseHTTPRequestHandler):
    """Passes each request on to the server at ``behind``, as in front of many tracking servers."""

    behind = ""

    def _pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        kept = {k: v for k, v in self.headers.items() if k.lower() in ("content-type", "accept")}
        request = urllib.request.Request(
            f"{self.behind}{self.path}", body or None, kept, method=self.command
        )
        with self._answer_to(request) as answer:
            content = answer.read()
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.headers.get("Content-Type", ""))
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    def _answer_to(self, request: urllib.request.Request) -> Any:
        try:
            return urllib.request.urlopen(request)
        except urllib.error.HTTPError as error:
            return error

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _pass_on


@contextmanager
def serving(handler: type, login: str, **settings: object) -> Iterator[int]:
    """Serve on a free port of 127.0.0.1 for the ``with`` block, and return the port."""
    folder = settings.pop("directory", None)
    made = type("Handler", (handler,), {"login": login, **settings})
    given = functools.partial(made, directory=folder) if folder else made
    with ThreadingHTTPServer(("127.0.0.1", 0), given) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server.server_port
        server.shutdown()


class CommandLines(threading.Thread):
    """Looks at the command lines of all processes of the machine, as `ps` shows them to everybody.

    ``seen`` has those that contain one of ``marks``, and ``verbs`` the verbs that were seen at all.
    """

    def __init__(self, marks: Iterable[str]) -> None:
        super().__init__(daemon=True)
        self.marks = [mark.encode() for mark in marks]
        self.seen: set[bytes] = set()
        self.verbs: set[bytes] = set()
        self.ended = threading.Event()

    def run(self) -> None:
        while not self.ended.is_set():
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    line = path.read_bytes()
                except OSError:
                    continue  # the process has ended
                self.verbs |= VERBS & set(line.split(b"\0"))
                if any(mark in line for mark in self.marks):
                    self.seen.add(line)
            time.sleep(SECONDS_BETWEEN_LOOKS)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        self.join()


def files_with(marks: Iterable[str], *folders: Path) -> set[Path]:
    """Return all files below ``folders`` that contain a mark, as it is or in base64."""
    wanted = [form for mark in marks for form in (mark.encode(), *_in_base64(mark))]
    return {
        path
        for folder in folders
        for path in folder.rglob("*")
        if path.is_file() and any(form in path.read_bytes() for form in wanted)
    }


def _in_base64(mark: str) -> list[bytes]:
    """Return what is certain of a mark in base64, which depends on where in a text it begins."""
    coded = [base64.b64encode(b"x" * shift + mark.encode()) for shift in range(3)]
    return [code[4:-4] for code in coded]
