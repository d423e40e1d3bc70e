"""Copy one file from an XRootD server (root://), and resume where the copy stopped.

The package ``xrootd`` is an extra of its own, because most users take files from elsewhere.
"""

import os
from typing import Any

from calobatch.credentials import without_credentials
from calobatch.fetch.download import OTHERWISE
from calobatch.fetch.partial import PIECE_BYTES, Origin, Partial
from calobatch.fetch.retries import Interrupted, RetryPolicy, persist
from calobatch.progress import Progress
from calobatch.public.address import AddressError
from calobatch.public.pins import Expected

# The server refuses the login, or answers the request with an error (XrdCl/XrdClStatus.hh).
AUTHENTICATION_FAILED = 204
ERROR_RESPONSE = 400
# The errors in an answer that another attempt may not meet (XProtocol/XProtocol.hh): error of the
# disk, too little memory, internal error, no server, request in progress, overloaded, and timeouts.
TRANSIENT_ERRORS = {3007, 3008, 3012, 3014, 3020, 3024, 3034, 3035}


def copy(url: str, partial: Partial, expected: Expected, policy: RetryPolicy) -> None:
    """Complete ``partial`` from ``url``, and resume whenever the connection breaks.

    Raises an AddressError if this address cannot give the file, or if XRootD is not installed here,
    and a UserError if the file has a different size than expected or if the disk is full.
    """
    # By default the client itself tries again for minutes, without a word.
    os.environ.setdefault("XRD_CONNECTIONRETRY", "1")
    os.environ.setdefault("XRD_CONNECTIONWINDOW", str(round(policy.connect_timeout)))
    for name in ("XRD_STREAMTIMEOUT", "XRD_REQUESTTIMEOUT"):
        os.environ.setdefault(name, str(round(policy.read_timeout)))
    try:
        from XRootD import client
    except ImportError as error:
        raise AddressError(
            "addresses that begin with root:// need the package xrootd; run `pip install "
            "--constraint environment/constraints.txt xrootd`"
        ) from error
    timeout = max(round(policy.read_timeout), 1)

    def attempt() -> None:
        # Not a with block, which would close the file without a timeout.
        source = client.File()
        _answered(source.open(url, timeout=timeout))
        try:
            info = _answered(source.stat(timeout=timeout))
            _continue(source, info, url, partial, expected, timeout)
        finally:
            source.close(timeout=timeout)

    persist(attempt, url, partial, policy)


def _continue(
    source: Any, info: Any, url: str, partial: Partial, expected: Expected, timeout: int
) -> None:
    """Copy the bytes that are not here yet."""
    origin = Origin(without_credentials(url), str(info.modtime), info.size)
    here = partial.came_from(url)
    # The copies of a file on several servers may have different dates. If its checksum is known,
    # that decides in the end.
    same = (
        here is not None
        and here.total == origin.total
        and (here.validator == origin.validator or expected.sha256 is not None)
    )
    if not same:
        expected.check_size(info.size, origin.url, OTHERWISE)
        partial.begin(info.size, origin)
    with (
        partial.path.open("ab") as file,
        Progress(partial.destination.name, info.size, "B", done=file.tell()) as progress,
    ):
        while (place := file.tell()) < info.size:
            piece = _answered(source.read(place, PIECE_BYTES, timeout=timeout))
            if not piece:
                raise Interrupted(f"the server announced {info.size:,} bytes but sent {place:,}")
            file.write(piece)
            progress.advance(len(piece))


def _answered(reply: tuple[Any, Any]) -> Any:
    """Return the content of a reply. Raises Interrupted or AddressError if it is an error."""
    status, content = reply
    if status.ok:
        return content
    # A message such as "[ERROR] Server responded with an error: [3011] No such file".
    message = without_credentials(str(status.message).strip().removeprefix("[ERROR] "))
    refused = status.code == ERROR_RESPONSE and status.errno not in TRANSIENT_ERRORS
    if refused or status.code == AUTHENTICATION_FAILED:
        raise AddressError(message)
    raise Interrupted(message)
