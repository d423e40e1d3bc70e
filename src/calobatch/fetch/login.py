"""Log in to file servers with the passwords of ~/.netrc, the file that curl, wget and git read too.

An address itself never holds a password (calobatch.public.address).
"""

import contextlib
import netrc
import os
from pathlib import Path
from urllib.parse import urlsplit

import requests
from requests.auth import AuthBase, HTTPBasicAuth

from calobatch.errors import UserError

LOCAL = ("localhost", "127.0.0.1", "::1")
OTHERS = 0o077  # the permissions of everybody but the owner


class Session(requests.Session):
    """A session that logs in with ~/.netrc, also where a server redirects it to.

    Without this, requests would send passwords over unencrypted connections, would send the one of
    the line `default` to every server, and would read a file that others can read too.
    """

    def __init__(self) -> None:
        super().__init__()
        self.auth = _FromNetrc()

    def rebuild_auth(
        self, prepared_request: requests.PreparedRequest, response: requests.Response
    ) -> None:
        """Replace the login of the server that redirected by that of the server named by it."""
        prepared_request.headers.pop("Authorization", None)
        prepared_request.prepare_auth(self.auth)


class _FromNetrc(AuthBase):
    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        login = login_of(request.url or "")
        # As bytes, because requests could not encode every letter of a text.
        return HTTPBasicAuth(*(part.encode() for part in login))(request) if login else request


def login_of(url: str) -> tuple[str, str] | None:
    """Return the user name and password for the server of ``url``, or None.

    Raises a UserError if users other than the owner may read a file that has the password.
    """
    parts = urlsplit(url)
    if not _protected(url):
        return None
    with contextlib.suppress(OSError, netrc.NetrcParseError, UnicodeDecodeError):
        found = netrc.netrc(str(_file())).hosts.get(parts.hostname or "")
        if found:
            _require_private(_file())
            return found[0], found[2] or ""
    return None


def how_to_log_in(url: str) -> str:
    """Return what to do after the server of ``url`` asked for a password or refused one."""
    host, file = urlsplit(url).hostname, _file()
    if not _protected(url):
        return (
            "passwords are sent over https only; use an address with https, if the server has one"
        )
    if login_of(url):
        return f"correct the user name and password of {host} in {file}"
    try:
        netrc.netrc(str(file))
    except netrc.NetrcParseError as error:
        # error.msg would quote a word of the line, which may be the password.
        return f"{file} cannot be read near line {error.lineno}; correct it"
    except (OSError, UnicodeDecodeError):
        pass
    return (
        f"add the line `machine {host} login USER password PASSWORD` to {file}, and run "
        f"`chmod 600 {file}`"
    )


def _protected(url: str) -> bool:
    """Return whether nobody on the way to the server can read what is sent."""
    parts = urlsplit(url)
    return parts.scheme == "https" or parts.hostname in LOCAL


def _file() -> Path:
    return Path(os.environ.get("NETRC") or "~/.netrc").expanduser()


def _require_private(path: Path) -> None:
    mode = path.stat().st_mode
    if mode & OTHERS:
        raise UserError(
            f"{path} has passwords, and other users may read it (mode {mode & 0o777:o}); run "
            f"`chmod 600 {path}`"
        )
