"""Passwords of file servers come from ~/.netrc and reach nobody else."""

import base64

import pytest

from calobatch.errors import UserError
from calobatch.fetch.fetch import fetch
from calobatch.fetch.login import how_to_log_in, login_of
from tests.fetch.bad_server import Answer, BadServer
from tests.public_files import remote_file

NAME = "electrons.hdf5"


def basic(user, password):
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@pytest.fixture
def netrc(tmp_path, monkeypatch):
    """Return a function that writes ~/.netrc."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("NETRC", raising=False)

    def write(text, mode=0o600):
        path = tmp_path / ".netrc"
        path.write_text(text)
        path.chmod(mode)
        return path

    return write


@pytest.fixture
def guarded(server):
    server.authorization = basic("ann", "pässword")
    return server


def test_a_file_behind_a_password_is_fetched_and_resumed(
    guarded, destination, pin, hdf5, netrc, brisk
):
    netrc("machine 127.0.0.1 login ann password pässword")
    remote = remote_file(guarded.serve(NAME, hdf5, Answer(cut=30_000)))
    fetch(remote, destination, pin, policy=brisk)
    assert destination.read_bytes() == hdf5
    assert "pässword" not in pin.read_text()


def test_a_server_that_asks_for_a_password_is_reported_with_what_to_do(
    guarded, destination, pin, hdf5, netrc
):
    remote = remote_file(guarded.serve(NAME, hdf5))
    line = "add the line `machine 127.0.0.1 login USER password PASSWORD` to .*netrc"
    with pytest.raises(UserError, match=f"401 Unauthorized; {line}"):
        fetch(remote, destination, pin)
    netrc("machine 127.0.0.1 login ann password wrong")
    with pytest.raises(UserError, match="correct the user name and password of") as raised:
        fetch(remote, destination, pin)
    assert "wrong" not in str(raised.value)


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o602])
def test_a_netrc_that_others_may_read_is_refused(guarded, destination, pin, hdf5, netrc, mode):
    path = netrc("machine 127.0.0.1 login ann password pässword", mode)
    with pytest.raises(UserError, match=f"other users may read it .*run `chmod 600 {path}`"):
        fetch(remote_file(guarded.serve(NAME, hdf5)), destination, pin)
    assert guarded.log[NAME] == []


def test_a_netrc_that_others_may_read_is_no_matter_to_servers_that_it_does_not_name(
    server, destination, pin, hdf5, netrc
):
    netrc("machine elsewhere.org login ann password word", 0o644)
    fetch(remote_file(server.serve(NAME, hdf5)), destination, pin)
    assert destination.read_bytes() == hdf5


def test_passwords_go_only_to_the_server_that_they_are_for_and_only_encrypted(netrc):
    netrc("machine x.org login ann password word default login anonymous password mail")
    assert login_of("https://x.org/a") == ("ann", "word")
    assert login_of("https://y.org/a") is None
    assert login_of("http://x.org/a") is None
    assert how_to_log_in("http://x.org/a").startswith("passwords are sent over https only")


def test_a_server_that_redirects_does_not_pass_on_the_password(
    guarded, destination, pin, hdf5, netrc
):
    netrc("machine 127.0.0.1 login ann password pässword")
    with BadServer() as other:
        # The same machine under a name that ~/.netrc does not have.
        target = other.serve(NAME, hdf5).replace("127.0.0.1", "localhost")
        url = guarded.serve(NAME, hdf5, Answer(status=302, headers={"Location": target}))
        fetch(remote_file(url), destination, pin)
        assert [request.authorization for request in other.log[NAME]] == [None]
    assert [request.authorization for request in guarded.log[NAME]] == [guarded.authorization]


def test_an_address_that_a_server_redirects_to_is_shown_without_its_key(
    server, destination, pin, hdf5, brisk
):
    target = "ftp://ann:hidden@x.org/a?key=hidden"
    url = server.serve(NAME, hdf5, *[Answer(status=302, headers={"Location": target})] * 9)
    with pytest.raises(UserError, match=r"ftp://x\.org/a\?\.\.\.") as raised:
        fetch(remote_file(url), destination, pin, policy=brisk)
    assert "hidden" not in str(raised.value)


def test_a_line_that_cannot_be_read_is_named_by_its_number(netrc):
    path = netrc("machine x.org login ann password word\nhidden\n")
    assert login_of("https://x.org/a") is None
    assert how_to_log_in("https://x.org/a") == (f"{path} cannot be read near line 3; correct it")


def test_a_location_with_a_password_is_refused(destination, pin):
    location = "https://ann:hidden@x.org/files"
    with pytest.raises(UserError, match="location of the dataset electron_photon: ") as raised:
        fetch(remote_file("/a"), destination, pin, location=location)
    assert "write https://x.org/files here" in str(raised.value)
    assert "hidden" not in str(raised.value)
