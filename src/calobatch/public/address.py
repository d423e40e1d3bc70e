"""Addresses of files: an http(s) or XRootD URL, a file URL or a plain path."""

import re
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from calobatch.credentials import without_credentials


class AddressError(Exception):
    """An address does not give the file; the message says why. The caller tries the next one."""


def fault_of(address: str) -> str | None:
    """Return what is wrong with the way ``address`` is written, or None if nothing is.

    An address with a user name or a password is refused: addresses are shown in reports, in MLflow,
    in logs and in process lists. Often the user name alone is the secret, an access token.
    """
    if _is_plain_path(address):
        return None
    if (shown := without_credentials(address)) != address:
        if is_xrootd(shown):
            return (
                "an address must not contain a user name or a password, because addresses are "
                f"shown in reports, in MLflow and in logs; write {shown}: XRootD finds a proxy or "
                "a token by itself (X509_USER_PROXY, BEARER_TOKEN_FILE)"
            )
        return (
            "an address must not contain a user name or a password, because addresses are shown "
            f"in reports, in MLflow and in logs; write {shown} here, add the line `machine "
            f"{_host(shown)} login USER password PASSWORD` to ~/.netrc, and run "
            "`chmod 600 ~/.netrc`"
        )
    try:
        parts = urlsplit(address)
        scheme, host, _ = parts.scheme, parts.hostname, parts.port
    except ValueError:
        # The reason is not shown, because it quotes a part of the address: in
        # https://user:pass/word@host/ it would be the password.
        return "not a well-formed address; write https://host/path or a plain path"
    if scheme in ("roots", "xroot"):
        return f"unknown scheme {scheme!r} in {address}; write root://host//path"
    if scheme not in ("http", "https", "root", "file"):
        return (
            f"unknown scheme {scheme!r} in {address}; use https, http, root, file or a plain path"
        )
    if scheme == "file" and host not in (None, "localhost"):
        return f"{address} names the host {host!r}, but a file URL cannot; write file:///path"
    if scheme != "file" and not host:
        return f"{address} names no host; write {scheme}://host/path"
    if scheme == "root" and not parts.path.startswith("//"):
        return (
            f"{address} has no absolute path, which XRootD needs; write root://{parts.netloc}//path"
        )
    return None


def fault_of_folder(location: str) -> str | None:
    """Return what is wrong with the way the address of a folder is written, or None.

    It has no query, behind which the name of a file could not stand, and which often is a password.
    """
    fault = fault_of(location)
    if fault is None and not _is_plain_path(location) and "?" in location:
        shown = location.partition("?")[0]
        return (
            f"{shown} is followed by a query (?...), but names of files are appended to a folder's "
            "address; remove the query, or list the files with their whole addresses in "
            "config/datasets.csv"
        )
    return fault


def local_path(address: str) -> Path | None:
    """Return the path that a file URL or a plain path means, or None for a server's address."""
    if _is_plain_path(address):
        return Path(address).expanduser()
    parts = urlsplit(address)
    return Path(unquote(parts.path)) if parts.scheme == "file" else None


def is_xrootd(address: str) -> bool:
    """Return whether an address is that of an XRootD server."""
    return address.lower().startswith("root://")


def inside(location: str, file: str) -> str:
    """Return the address of ``file`` in ``location``, the address of a folder of any kind."""
    if _is_plain_path(location):
        return str(Path(location) / file)
    if is_xrootd(location):
        # XRootD takes paths as they are, and // begins one.
        return f"{location.removesuffix('/')}/{file}"
    return f"{location.rstrip('/')}/{quote(file)}"


def _host(address: str) -> str:
    """Return the host of an address without credentials, even if its port is not well formed."""
    return re.split("[:/?#]", address.partition("://")[2])[0] or "HOST"


def _is_plain_path(address: str) -> bool:
    return "://" not in address
