"""Download one file over HTTP: resume where it stopped, never join bytes of two versions.

The status of the server's answer decides: 206 continues the partial file, 200 sends the file from
its beginning, and 416 means that nothing is left to send.
"""

import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import requests
import urllib3

from calobatch.credentials import without_credentials
from calobatch.fetch.login import Session, how_to_log_in
from calobatch.fetch.partial import PIECE_BYTES, Origin, Partial
from calobatch.fetch.retries import Interrupted, RetryPolicy, persist
from calobatch.progress import Progress
from calobatch.public.address import AddressError
from calobatch.public.content import HEAD_BYTES, PAGE_BYTES, head_fault, page_fault
from calobatch.public.pins import Expected

OTHERWISE = "set `location` to take the file from another address"
QUERY = re.compile(r"(?<=\S)\?[^\s'\"]+")  # of an address that a message quotes

# Request timeout, too early, too many requests: the same request may work later. The same holds for
# every status from 500 up.
TRANSIENT_STATUS = {408, 425, 429}
TRANSIENT = (
    requests.ConnectionError,
    requests.Timeout,
    requests.exceptions.ChunkedEncodingError,
    urllib3.exceptions.HTTPError,
)


def download(url: str, partial: Partial, expected: Expected, policy: RetryPolicy) -> None:
    """Complete ``partial`` from ``url``, and resume whenever the connection breaks.

    Raises an AddressError if this address cannot give the file, and a UserError if the server
    announces a different size than expected or if the disk is full.
    """

    def attempt() -> None:
        with _transport_faults_named(), _answer(url, partial, policy) as response:
            _take(response, url, partial, expected)

    persist(attempt, url, partial, policy)


def _answer(url: str, partial: Partial, policy: RetryPolicy) -> requests.Response:
    # If the server compressed the file, byte ranges and lengths would be of the compressed bytes.
    headers = {"Accept-Encoding": "identity", "User-Agent": "calobatch"}
    origin = partial.came_from(url)
    # Only a validator (ETag or date) tells whether the rest belongs to the same version of the
    # file. Without one, the download begins again.
    if origin and origin.validator:
        headers |= {"Range": f"bytes={partial.size}-", "If-Range": origin.validator}
    timeout = policy.connect_timeout, policy.read_timeout
    with Session() as session:
        return session.get(url, headers=headers, stream=True, timeout=timeout)


def _take(response: requests.Response, url: str, partial: Partial, expected: Expected) -> None:
    """Act on the server's answer; return when ``partial`` is complete.

    Raises Interrupted if another attempt may help, an AddressError if this address cannot give the
    file, and a UserError as :func:`download` does.
    """
    asked_for_part = "Range" in response.request.headers
    if response.status_code == 416 and asked_for_part:
        _settle_unsatisfiable(response, partial)
    elif response.status_code == 206 and asked_for_part:
        _check_continues(response, url, partial)
        _receive(response, partial, b"")
    else:
        _refuse_status(response)
        _refuse_web_page(response)
        # The server sends the file from its first byte, whether or not a part was requested.
        head = _read_head(response, expected.file)
        origin = _origin(response, url, _length(response))
        if origin.total is not None:
            expected.check_size(origin.total, origin.url, OTHERWISE)
        partial.begin(origin.total, origin)
        _receive(response, partial, head)


def _settle_unsatisfiable(response: requests.Response, partial: Partial) -> None:
    """Handle 416, nothing left to send: the partial file is complete, or of an old version."""
    _, total = _content_range(response)
    if total != partial.size:
        partial.empty()
        raise Interrupted("the server does not have the requested bytes")


def _check_continues(response: requests.Response, url: str, partial: Partial) -> None:
    """Handle 206, a part follows: refuse a wrong part and a part of a different version."""
    start, total = _content_range(response)
    recorded, found = partial.origin, _origin(response, url, total)
    same_file = recorded is not None and (
        found.validator in (None, recorded.validator)
        and (found.total is None or recorded.total in (None, found.total))
    )
    if start != partial.size or not same_file:
        partial.empty()
        raise Interrupted("the server sent bytes that were not requested")


def _refuse_status(response: requests.Response) -> None:
    status = f"the server answered {response.status_code} {response.reason or ''}".rstrip()
    if response.status_code in TRANSIENT_STATUS or response.status_code >= 500:
        raise Interrupted(status, _retry_after(response))
    if response.status_code == 401:
        raise AddressError(f"{status}; {how_to_log_in(response.url)}")
    if response.status_code != 200:
        raise AddressError(status)


def _refuse_web_page(response: requests.Response) -> None:
    if response.headers.get("Content-Type", "").lower().startswith("text/html"):
        raise AddressError(page_fault(response.raw.read(PAGE_BYTES, decode_content=True)))


def _read_head(response: requests.Response, file: str) -> bytes:
    """Return the first bytes of the body.

    They are checked before an older partial file is dropped. Otherwise an answer that is only a web
    page would cost the bytes that have arrived.
    """
    head: bytes = response.raw.read(HEAD_BYTES, decode_content=False)
    if not head:
        raise Interrupted("the connection ended before the first byte")
    # A shorter head may mean that the connection broke. The check of the length finds that later.
    if len(head) == HEAD_BYTES and (fault := head_fault(head, file)):
        raise AddressError(fault)
    return head


def _receive(response: requests.Response, partial: Partial, head: bytes) -> None:
    total = partial.origin.total if partial.origin else None
    name = partial.destination.name
    with (
        partial.path.open("ab") as file,
        Progress(name, total, "B", done=file.tell()) as progress,
    ):
        piece = head or _next_piece(response)
        while piece:
            file.write(piece)
            progress.advance(len(piece))
            piece = _next_piece(response)
    if total is not None and partial.size != total:
        raise Interrupted(f"the server announced {total:,} bytes but sent {partial.size:,}")


def _next_piece(response: requests.Response) -> bytes:
    # read1 returns what has arrived so far, so that a broken connection loses none of it.
    piece: bytes = response.raw.read1(PIECE_BYTES, decode_content=False)
    return piece


def _origin(response: requests.Response, url: str, total: int | None) -> Origin:
    """Return the origin of the bytes that the answer brings.

    Only a strong ETag or the date can guard a range request (RFC 9110, 13.1.5).
    """
    etag = response.headers.get("ETag", "")
    validator = etag if etag.startswith('"') else response.headers.get("Last-Modified")
    return Origin(without_credentials(url), validator, total)


def _length(response: requests.Response) -> int | None:
    length = response.headers.get("Content-Length", "")
    return int(length) if length.isdecimal() else None


def _content_range(response: requests.Response) -> tuple[int | None, int | None]:
    """Return first byte and total size from Content-Range; None for what it does not state."""
    found = re.fullmatch(
        r"bytes (?:(\d+)-\d+|\*)/(\d+|\*)", response.headers.get("Content-Range", "").strip()
    )
    start, total = found.groups() if found else (None, None)
    return int(start) if start else None, int(total) if total and total != "*" else None


def _retry_after(response: requests.Response) -> float:
    """Return the seconds that the server asks to wait (a number or a date in the answer), or 0."""
    value = response.headers.get("Retry-After", "").strip()
    if value.isdecimal():
        return float(value)
    try:
        return max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return 0.0


@contextmanager
def _transport_faults_named() -> Iterator[None]:
    """Turn what the HTTP library raises into Interrupted (try again) or AddressError (give up)."""
    try:
        yield
    except TRANSIENT as error:
        cause = _first_cause(error)
        if isinstance(cause, ssl.SSLCertVerificationError):
            raise AddressError(f"the server's certificate is not trusted ({cause})") from error
        raise Interrupted(f"the connection failed ({cause})") from error
    except requests.RequestException as error:
        # The message may quote an address that a server redirected to, with a key in its query.
        raise AddressError(QUERY.sub("?...", without_credentials(str(error)))) from error


def _first_cause(error: BaseException) -> BaseException:
    """Return the system's own error below the layers of urllib3 and requests."""
    while earlier := error.__cause__ or error.__context__:
        error = earlier
    return error
