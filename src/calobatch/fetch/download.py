"""One file over HTTP: streamed, resumed where it stopped, never spliced from two versions."""

import re
import ssl
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import requests
import urllib3

from calobatch.fetch.address import AddressError, without_credentials
from calobatch.fetch.content import HEAD_BYTES, WEB_PAGE, head_fault
from calobatch.fetch.partial import Origin, Partial
from calobatch.fetch.pins import Expected
from calobatch.fetch.retries import Interrupted, Retries, RetryPolicy
from calobatch.progress import Progress

PIECE_BYTES = 1 << 20
OTHERWISE = "take the file from another address (set `location`)"

TRANSIENT_STATUS = {408, 425, 429}
TRANSIENT = (
    requests.ConnectionError,
    requests.Timeout,
    requests.exceptions.ChunkedEncodingError,
    urllib3.exceptions.HTTPError,
)


def download(url: str, partial: Partial, expected: Expected, policy: RetryPolicy) -> None:
    """Complete ``partial`` from ``url``, resuming as often as the connection breaks.

    Raises an AddressError when this address cannot give the file, and a UserError when it
    announces another size than expected or the disk is full.
    """
    retries = Retries(policy, partial.size if _origin_here(partial, url) else 0)
    while not _is_whole(partial, url):
        try:
            with _transport_faults_named(), _answer(url, partial, policy) as response:
                _take(response, url, partial, expected)
                return
        except Interrupted as interruption:
            wait = retries.next_wait(interruption, partial.size)
            print(
                f"{expected.file}: {interruption}; going on from byte {partial.size:,} "
                f"in {wait:.0f} s",
                file=sys.stderr,
                flush=True,
            )
            time.sleep(wait)


def _is_whole(partial: Partial, url: str) -> bool:
    """Whether an earlier process was ended between the last byte and the final name."""
    origin = _origin_here(partial, url)
    return origin is not None and origin.total == partial.size


def _origin_here(partial: Partial, url: str) -> Origin | None:
    """Return the origin of the bytes that are here, if there are any and ``url`` gave them."""
    origin = partial.origin
    if partial.size == 0 or origin is None or origin.url != without_credentials(url):
        return None
    return origin


def _answer(url: str, partial: Partial, policy: RetryPolicy) -> requests.Response:
    # Compressed on the way, byte ranges and lengths would be those of the compressed file.
    headers = {"Accept-Encoding": "identity", "User-Agent": "calobatch"}
    origin = _origin_here(partial, url)
    # Without a validator nothing would tell that the rest is of the same file: begin again.
    if origin and origin.validator:
        headers |= {"Range": f"bytes={partial.size}-", "If-Range": origin.validator}
    timeout = policy.connect_timeout, policy.read_timeout
    return requests.get(url, headers=headers, stream=True, timeout=timeout)


def _take(response: requests.Response, url: str, partial: Partial, expected: Expected) -> None:
    asked_for_part = "Range" in response.request.headers
    if response.status_code == 416 and asked_for_part:
        _settle_unsatisfiable(response, partial)
    elif response.status_code == 206 and asked_for_part:
        _check_continues(response, url, partial)
        _receive(response, partial, b"")
    else:
        _refuse_status(response)
        _refuse_web_page(response)
        head = _read_head(response, expected.file)
        origin = _origin(response, url, _length(response))
        if origin.total is not None:
            expected.check_size(origin.total, origin.url, OTHERWISE)
        partial.begin(origin.total, origin)
        _receive(response, partial, head)


def _settle_unsatisfiable(response: requests.Response, partial: Partial) -> None:
    """416: nothing is left to send, because the partial file is whole or because it is stale."""
    _, total = _content_range(response)
    if total != partial.size:
        partial.empty()
        raise Interrupted("the server does not have the rest asked for: starting over")


def _check_continues(response: requests.Response, url: str, partial: Partial) -> None:
    """206: refuse another part than the one asked for, and a part of another version."""
    start, total = _content_range(response)
    recorded, found = partial.origin, _origin(response, url, total)
    same_file = recorded is not None and (
        found.validator in (None, recorded.validator)
        and (found.total is None or recorded.total in (None, found.total))
    )
    if start != partial.size or not same_file:
        partial.empty()
        raise Interrupted("the server sent another part than the one asked for: starting over")


def _refuse_status(response: requests.Response) -> None:
    status = f"answers {response.status_code} {response.reason or ''}".rstrip()
    if response.status_code in TRANSIENT_STATUS or response.status_code >= 500:
        raise Interrupted(status, _retry_after(response))
    if response.status_code != 200:
        raise AddressError(status)


def _refuse_web_page(response: requests.Response) -> None:
    if response.headers.get("Content-Type", "").lower().startswith("text/html"):
        raise AddressError(WEB_PAGE)


def _read_head(response: requests.Response, file: str) -> bytes:
    """First bytes of the body, checked before an older partial file is dropped for them."""
    head: bytes = response.raw.read(HEAD_BYTES, decode_content=False)
    if not head:
        raise Interrupted("the connection ended before the first byte")
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
        raise Interrupted(f"{total:,} bytes were announced, {partial.size:,} came")


def _next_piece(response: requests.Response) -> bytes:
    # read1 returns what has come so far: a connection that breaks loses nothing of it.
    piece: bytes = response.raw.read1(PIECE_BYTES, decode_content=False)
    return piece


def _origin(response: requests.Response, url: str, total: int | None) -> Origin:
    """RFC 9110, 13.1.5: only a strong ETag, or else the date, can guard a range."""
    etag = response.headers.get("ETag", "")
    validator = etag if etag.startswith('"') else response.headers.get("Last-Modified")
    return Origin(without_credentials(url), validator, total)


def _length(response: requests.Response) -> int | None:
    length = response.headers.get("Content-Length", "")
    return int(length) if length.isdecimal() else None


def _content_range(response: requests.Response) -> tuple[int | None, int | None]:
    """Return first byte and total size of a Content-Range; None for what it does not say."""
    found = re.fullmatch(
        r"bytes (?:(\d+)-\d+|\*)/(\d+|\*)", response.headers.get("Content-Range", "").strip()
    )
    start, total = found.groups() if found else (None, None)
    return int(start) if start else None, int(total) if total and total != "*" else None


def _retry_after(response: requests.Response) -> float:
    """Seconds the server asks to wait; it gives them as a number or as a date."""
    value = response.headers.get("Retry-After", "").strip()
    if value.isdecimal():
        return float(value)
    try:
        return max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return 0.0


@contextmanager
def _transport_faults_named() -> Iterator[None]:
    """Sort what the HTTP library raises into: try again, or this address cannot work."""
    try:
        yield
    except TRANSIENT as error:
        cause = _first_cause(error)
        if isinstance(cause, ssl.SSLCertVerificationError):
            raise AddressError(f"its certificate is not trusted ({cause})") from error
        raise Interrupted(f"the connection failed ({cause})") from error
    except requests.RequestException as error:
        raise AddressError(str(error)) from error


def _first_cause(error: BaseException) -> BaseException:
    while earlier := error.__cause__ or error.__context__:
        error = earlier
    return error
