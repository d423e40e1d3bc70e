"""Fetch a file of the dataset table, and check that it is complete and has the right checksum.

The right checksum is that of the dataset table, or else that of the first fetch.
"""

import sys
from datetime import UTC, datetime
from pathlib import Path

from calobatch.checksum import sha256_of
from calobatch.credentials import without_credentials
from calobatch.errors import UserError
from calobatch.fetch import xrootd
from calobatch.fetch.download import OTHERWISE, download
from calobatch.fetch.local import copy
from calobatch.fetch.partial import Partial
from calobatch.fetch.retries import RetryPolicy
from calobatch.public.address import (
    AddressError,
    fault_of_folder,
    inside,
    is_xrootd,
    local_path,
)
from calobatch.public.content import file_fault
from calobatch.public.pins import (
    Expected,
    Pin,
    WrongFileError,
    expected_of,
    read_pin,
    write_pin,
)
from calobatch.public.table import RemoteFile

DEFAULT_POLICY = RetryPolicy()


def fetch(
    remote: RemoteFile,
    destination: Path,
    pin: Path,
    *,
    location: str | None = None,
    policy: RetryPolicy = DEFAULT_POLICY,
) -> Pin:
    """Fetch ``remote`` to ``destination`` and return its pin, which is written to the file ``pin``.

    The addresses are tried in order; if ``location`` is given (the path or the URL of a folder),
    only that is tried. Size and sha256 must be those of the table, or else those pinned by
    an earlier fetch; the first fetch pins them. A file that is already there is checked and not
    fetched again. An interrupted transfer stays beside ``destination``, and the next call resumes
    it.

    Raises a UserError if the file is not the expected one, if no address gives it, or if it cannot
    be written. A wrong file that was fetched is removed; one that was already there is kept.
    """
    pinned = read_pin(pin)
    expected = expected_of(remote, pinned, pin)
    try:
        if destination.exists():
            return _record(_check_present(destination, expected), pinned, pin)
        partial = Partial(destination)
        with partial.locked():
            # Another process may have fetched it while this one waited.
            if destination.exists():
                return _record(_check_present(destination, expected), read_pin(pin), pin)
            partial.check_room(expected.bytes)
            found = _bring(_addresses(remote, location), partial, expected, policy)
            # The pin is written first, so that a file with its final name always has one.
            recorded = _record(found, pinned, pin)
            partial.publish()
            return recorded
    except OSError as error:
        raise UserError(
            f"{destination}: {error}; fix this and run the same command again, which resumes the "
            "download where it stopped"
        ) from error


def _addresses(remote: RemoteFile, location: str | None) -> tuple[str, ...]:
    if location is None:
        return remote.urls
    if fault := fault_of_folder(location):
        raise UserError(f"location of the dataset {remote.dataset}: {fault}")
    return (inside(location, remote.file),)


def _check_present(destination: Path, expected: Expected) -> Pin:
    fetch_again = f"delete {destination} to fetch it again"
    if fault := file_fault(destination, expected.file):
        raise UserError(f"{destination}: {fault}; {fetch_again}")
    found = _describe(destination, str(destination))
    expected.check(found, fetch_again)
    return found


def _bring(
    addresses: tuple[str, ...], partial: Partial, expected: Expected, policy: RetryPolicy
) -> Pin:
    """Complete ``partial`` from the first address that gives the expected file; return its pin."""
    reasons: list[str] = []
    wrong: WrongFileError | None = None
    for address in addresses:
        shown = without_credentials(address)
        try:
            _transfer(address, partial, expected, policy)
            found = _describe(partial.path, shown)
            expected.check(found, OTHERWISE)
            return found
        except AddressError as error:
            reasons.append(f"  {shown}: {error}")
            print(f"{expected.file}: {reasons[-1].strip()}", file=sys.stderr, flush=True)
        except WrongFileError as error:
            # The next address may have the right file. If none has, the user must see this error
            # rather than the reasons of the other addresses.
            partial.discard()
            wrong = wrong or error
    if wrong:
        raise wrong
    raise UserError(
        f"{expected.file} could not be fetched from any address:\n"
        + "\n".join(reasons)
        + f"\nDownload {expected.file} by hand, and set `location` of its dataset to the folder "
        "that holds it."
    )


def _transfer(address: str, partial: Partial, expected: Expected, policy: RetryPolicy) -> None:
    """Complete ``partial`` from ``address``. Raises an AddressError if the file is damaged."""
    source = local_path(address)
    if source is not None:
        copy(source, partial, expected)
    elif is_xrootd(address):
        xrootd.copy(address, partial, expected, policy)
    else:
        download(address, partial, expected, policy)
    if fault := file_fault(partial.path, expected.file):
        # Resuming a damaged file would keep the damage, so the next try starts at the first byte.
        partial.empty()
        raise AddressError(fault)


def _describe(path: Path, url: str) -> Pin:
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return Pin(bytes=path.stat().st_size, sha256=sha256_of(path), url=url, fetched=now)


def _record(found: Pin, pinned: Pin | None, path: Path) -> Pin:
    """Pin what was found, unless the same content is pinned already."""
    if pinned and (pinned.bytes, pinned.sha256) == (found.bytes, found.sha256):
        return pinned
    write_pin(path, found)
    return found
