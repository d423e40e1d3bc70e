"""Addresses of files: an http(s) URL, a file URL or a plain path."""

from pathlib import Path
from urllib.parse import quote, unquote, urlsplit, urlunsplit


class AddressError(Exception):
    """An address does not give the file; the message says why. The caller tries the next one."""


def fault_of(address: str) -> str | None:
    """Return what is wrong with the way ``address`` is written, or None if nothing is."""
    if _is_plain_path(address):
        return None
    try:
        parts = urlsplit(address)
        scheme, host, _ = parts.scheme, parts.hostname, parts.port
    except ValueError as error:
        return f"not a well-formed address ({error}); write https://host/path or a plain path"
    if scheme not in ("http", "https", "file"):
        return f"unknown scheme {scheme!r} in {address}; use https, http, file or a plain path"
    if scheme == "file" and host not in (None, "localhost"):
        return f"{address} names the host {host!r}, but a file URL cannot; write file:///path"
    if scheme != "file" and not host:
        return f"{address} names no host; write {scheme}://host/path"
    return None


def local_path(address: str) -> Path | None:
    """Return the path that a file URL or a plain path means, or None for an http(s) URL."""
    if _is_plain_path(address):
        return Path(address).expanduser()
    parts = urlsplit(address)
    return Path(unquote(parts.path)) if parts.scheme == "file" else None


def inside(location: str, file: str) -> str:
    """Return the address of ``file`` in ``location``: a folder's path, file URL or http(s) URL."""
    if _is_plain_path(location):
        return str(Path(location) / file)
    return f"{location.rstrip('/')}/{quote(file)}"


def without_credentials(address: str) -> str:
    """Return ``address`` without user name and password, for messages and records."""
    if _is_plain_path(address):
        return address
    parts = urlsplit(address)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _is_plain_path(address: str) -> bool:
    return "://" not in address
