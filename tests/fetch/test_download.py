"""Every way in which a server can misbehave: the file arrives bit for bit, or not at all."""

import shutil
import ssl
import subprocess
import time
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from calobatch.errors import UserError
from calobatch.fetch.fetch import fetch
from tests.fetch.bad_server import LAST_MODIFIED, Answer
from tests.public_files import remote_file

NAME = "electrons.hdf5"
PAGE = b"<!DOCTYPE html><html><body>This link has expired</body></html>" * 10


@pytest.fixture
def fetch_from(destination, pin, brisk):
    def fetch_from(*urls, policy=brisk, **known):
        return fetch(remote_file(*urls, **known), destination, pin, policy=policy)

    return fetch_from


@pytest.fixture
def refused(fetch_from, destination, pin, brisk):
    """Fetch, expect a UserError, and check that nothing is left that looks complete."""

    def refused(*urls, **known):
        with pytest.raises(UserError) as error:
            fetch_from(*urls, policy=replace(brisk, patience=0.3), **known)
        assert not destination.exists()
        assert not pin.exists()
        return str(error.value)

    return refused


def starts(server, name=NAME):
    return [request.start for request in server.log[name]]


def test_a_good_server_gets_one_request(server, fetch_from, destination, hdf5):
    found = fetch_from(server.serve(NAME, hdf5))
    assert destination.read_bytes() == hdf5
    assert list(destination.parent.iterdir()) == [destination]
    assert found.url == f"{server.url}/{NAME}"
    assert starts(server) == [None]


@pytest.mark.parametrize("reset", [False, True])
def test_a_cut_connection_is_resumed_where_it_stopped(server, fetch_from, destination, hdf5, reset):
    cuts = [Answer(cut=n, reset=reset) for n in (100_000, 50_000, 1, 70_000)]
    fetch_from(server.serve(NAME, hdf5, *cuts))
    assert destination.read_bytes() == hdf5
    if not reset:  # a reset may drop bytes that were on their way
        assert starts(server) == [None, 100_000, 150_000, 150_001, 220_001]
        assert sum(request.sent for request in server.log[NAME]) == len(hdf5)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(cuts=st.lists(st.integers(0, 330_000), max_size=8))
def test_any_sequence_of_cuts_yields_a_whole_file_and_fetches_no_byte_twice(
    server, fetch_from, destination, pin, hdf5, cuts
):
    destination.unlink(missing_ok=True)
    pin.unlink(missing_ok=True)
    fetch_from(server.serve(NAME, hdf5, *(Answer(cut=n) for n in cuts)))
    assert destination.read_bytes() == hdf5
    assert sum(request.sent for request in server.log[NAME]) == len(hdf5)


def test_a_stalled_connection_is_resumed(server, fetch_from, destination, hdf5, brisk):
    url = server.serve(NAME, hdf5, Answer(stall=150_000))
    fetch_from(url, policy=replace(brisk, read_timeout=0.3))
    assert destination.read_bytes() == hdf5
    assert starts(server) == [None, 150_000]


def test_a_server_without_ranges_makes_the_download_begin_again(
    server, fetch_from, destination, hdf5
):
    fetch_from(server.serve(NAME, hdf5, Answer(cut=100_000), Answer(ignores_range=True)))
    assert destination.read_bytes() == hdf5
    assert [request.status for request in server.log[NAME]] == [200, 200]


def test_a_server_that_always_cuts_at_the_same_byte_is_given_up(server, refused, hdf5):
    answers = [Answer(cut=100_000, ignores_range=True)] * 10_000
    began = time.monotonic()
    message = refused(server.serve(NAME, hdf5, *answers))
    assert "without a new byte" in message
    assert time.monotonic() - began < 5


def test_versions_of_a_file_that_changed_on_the_server_are_not_joined(
    server, fetch_from, destination, hdf5
):
    old = hdf5[:-8] + b"OLD FILE"
    fetch_from(server.serve(NAME, hdf5, Answer(content=old, cut=100_000)))
    assert destination.read_bytes() == hdf5
    assert starts(server) == [None, 100_000]
    assert server.log[NAME][1].status == 200


def test_versions_are_not_joined_even_if_the_server_ignores_if_range(
    server, fetch_from, destination, hdf5
):
    old = hdf5[:-8] + b"OLD FILE"
    cut = Answer(content=old, cut=100_000)
    fetch_from(server.serve(NAME, hdf5, cut, Answer(ignores_if_range=True)))
    assert destination.read_bytes() == hdf5
    assert starts(server) == [None, 100_000, None]


def test_the_date_guards_a_range_if_the_etag_is_weak(server, fetch_from, destination, hdf5):
    weak = {"ETag": 'W/"1"'}
    fetch_from(server.serve(NAME, hdf5, Answer(headers=weak, cut=1000), Answer(headers=weak)))
    assert destination.read_bytes() == hdf5
    assert server.log[NAME][1].if_range == LAST_MODIFIED


def test_without_etag_and_date_a_cut_transfer_begins_again(server, fetch_from, destination, hdf5):
    bare = {"ETag": None, "Last-Modified": None}
    answers = Answer(headers=bare, cut=1000), Answer(headers=bare)
    fetch_from(server.serve(NAME, hdf5, *answers))
    assert destination.read_bytes() == hdf5
    assert starts(server) == [None, None]


@pytest.mark.parametrize(
    "content_range",
    [
        "bytes 0-99/100",
        "bytes 99999-{last}/{size}",
        "bytes 100000-{last}/{size}9",
        "bytes */*",
        "rubbish",
        None,
    ],
)
def test_a_part_with_a_wrong_content_range_is_not_joined(
    server, fetch_from, destination, hdf5, content_range
):
    if content_range:
        content_range = content_range.format(last=len(hdf5) - 1, size=len(hdf5))
    wrong = Answer(headers={"Content-Range": content_range})
    fetch_from(server.serve(NAME, hdf5, Answer(cut=100_000), wrong))
    assert destination.read_bytes() == hdf5
    assert starts(server) == [None, 100_000, None]


def test_a_part_shorter_than_asked_for_is_followed_by_the_rest(
    server, fetch_from, destination, hdf5
):
    short = Answer(cut=50_000, headers={"Content-Length": "50000"})
    fetch_from(server.serve(NAME, hdf5, Answer(cut=100_000), short))
    assert destination.read_bytes() == hdf5
    assert starts(server) == [None, 100_000, 150_000]


def test_416_for_a_stale_partial_file_begins_again(server, fetch_from, destination, hdf5):
    stale = Answer(status=416, headers={"Content-Range": "bytes */77"})
    fetch_from(server.serve(NAME, hdf5, Answer(cut=100_000), stale))
    assert destination.read_bytes() == hdf5
    assert starts(server) == [None, 100_000, None]


def test_416_for_a_whole_partial_file_ends_the_transfer(server, fetch_from, destination, hdf5):
    fetch_from(server.serve(NAME, hdf5, Answer(chunked=True, cut=len(hdf5))))
    assert destination.read_bytes() == hdf5
    assert [request.status for request in server.log[NAME]] == [200, 416]


def test_a_chunked_answer_without_length_is_accepted(server, fetch_from, destination, hdf5):
    fetch_from(server.serve(NAME, hdf5, Answer(chunked=True)))
    assert destination.read_bytes() == hdf5


def test_a_chunked_answer_that_is_cut_is_resumed(server, fetch_from, destination, hdf5):
    fetch_from(server.serve(NAME, hdf5, Answer(chunked=True, cut=100_000)))
    assert destination.read_bytes() == hdf5
    assert starts(server) == [None, 100_000]


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_temporary_fault_is_tried_again(server, fetch_from, destination, hdf5, status):
    fault = Answer(status=status)
    fetch_from(server.serve(NAME, hdf5, Answer(cut=100_000), fault, fault))
    assert destination.read_bytes() == hdf5
    assert starts(server) == [None, 100_000, 100_000, 100_000]


def test_the_wait_of_retry_after_is_kept(server, fetch_from, destination, hdf5):
    busy = Answer(status=429, headers={"Retry-After": "1"})
    began = time.monotonic()
    fetch_from(server.serve(NAME, hdf5, busy))
    assert time.monotonic() - began >= 1.0
    assert starts(server) == [None, None]


@pytest.mark.parametrize("when", ["3600", "Fri, 01 Jan 2100 00:00:00 GMT"])
def test_a_server_that_asks_for_a_wait_beyond_the_patience_is_given_up_at_once(
    server, refused, hdf5, when
):
    busy = Answer(status=503, headers={"Retry-After": when})
    assert "asked to wait" in refused(server.serve(NAME, hdf5, busy))
    assert starts(server) == [None]


@pytest.mark.parametrize("when", ["soon", "Wed, 21 Oct 2015 07:28:00 GMT", ""])
def test_a_retry_after_without_a_future_time_is_ignored(
    server, fetch_from, destination, hdf5, when
):
    fetch_from(server.serve(NAME, hdf5, Answer(status=503, headers={"Retry-After": when})))
    assert destination.read_bytes() == hdf5


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 416])
def test_after_a_permanent_refusal_the_mirror_is_tried_at_once(
    server, fetch_from, destination, hdf5, status
):
    primary = server.serve("gone/" + NAME, hdf5, *[Answer(status=status)] * 9)
    found = fetch_from(primary, server.serve(NAME, hdf5))
    assert destination.read_bytes() == hdf5
    assert starts(server, "gone/" + NAME) == [None]
    assert found.url.endswith(f"/{NAME}")


@pytest.mark.parametrize(
    ("content_type", "page"),
    [("text/html; charset=utf-8", b"Please log in."), ("application/octet-stream", PAGE)],
)
def test_a_web_page_means_that_the_share_has_expired(server, refused, content_type, page):
    page = server.serve(NAME, page, Answer(headers={"Content-Type": content_type}))
    message = refused(page)
    assert f"{page}: this is a web page, not the file; the share has expired" in message
    assert len(server.log[NAME]) == 1


def test_a_very_short_web_page_is_refused_too(server, refused):
    assert "a web page" in refused(server.serve(NAME, b"<p>gone</p>"))


def test_after_a_web_page_the_mirror_is_tried(server, fetch_from, destination, hdf5):
    page = server.serve("page", PAGE)
    fetch_from(page, server.serve(NAME, hdf5))
    assert destination.read_bytes() == hdf5


def test_a_web_page_does_not_drop_the_bytes_from_a_different_address(
    server, fetch_from, destination, hdf5, refused
):
    page = server.serve("page", PAGE)
    stuck = [Answer(cut=100_000)] + [Answer(status=500)] * 10_000
    refused(page, server.serve(NAME, hdf5, *stuck))
    server.script[NAME].clear()
    fetch_from(page, f"{server.url}/{NAME}")
    assert destination.read_bytes() == hdf5
    assert starts(server)[-1] == 100_000


def test_bytes_of_two_addresses_are_not_joined(server, fetch_from, destination, hdf5):
    other = hdf5[:-8] + b"DIFFEREN"
    stuck = [Answer(cut=100_000), Answer(status=404)]
    fetch_from(server.serve("first", other, *stuck), server.serve(NAME, hdf5))
    assert destination.read_bytes() == hdf5
    assert starts(server) == [None]


def test_progress_of_a_slow_mirror_is_not_compared_with_bytes_of_a_different_address(
    server, fetch_from, destination, hdf5, brisk
):
    gone = server.serve("gone", hdf5, Answer(cut=200_000), Answer(status=404))
    slow = server.serve(NAME, hdf5, *[Answer(stall=30_000)] * 4)
    fetch_from(gone, slow, policy=replace(brisk, read_timeout=0.3, patience=0.5))
    assert destination.read_bytes() == hdf5


def test_a_body_shorter_than_announced_is_never_taken_as_complete(server, refused, hdf5):
    longer = {"Content-Length": str(len(hdf5) + 5), "ETag": None, "Last-Modified": None}
    message = refused(server.serve(NAME, hdf5, *[Answer(headers=longer)] * 10_000))
    assert "without a new byte" in message


def test_a_truncated_file_of_the_announced_length_is_refused(server, refused, hdf5):
    assert "not a complete HDF5 file" in refused(server.serve(NAME, hdf5[:-100]))


def test_a_truncated_parquet_file_is_refused(server, refused, parquet, hdf5):
    url = server.serve("jets.parquet", parquet[:-100])
    assert "it does not end like a parquet file" in refused(url, file="jets.parquet")
    assert "this is an HDF5 file" in refused(
        server.serve("jets.parquet", hdf5), file="jets.parquet"
    )
    assert "does not begin like a .parquet file" in refused(
        server.serve("jets.parquet", bytes(1000)), file="jets.parquet"
    )


def test_the_page_about_a_quota_says_what_to_do(server, refused):
    page = b"<!DOCTYPE html><html><title>Google Drive - Quota exceeded</title>" + b" " * 4000
    url = server.serve(NAME, page, Answer(headers={"Content-Type": "text/html"}))
    assert "downloaded too often today, so try again tomorrow" in refused(url)


def test_a_wrong_length_is_refused_before_the_transfer(server, refused, hdf5):
    message = refused(server.serve(NAME, hdf5), size=10 * len(hdf5))
    assert f"expected {10 * len(hdf5)} bytes" in message
    assert (
        f"found    {len(hdf5)} bytes\n" in message
    )  # without a checksum, because nothing was read


def test_an_answer_larger_than_the_free_space_is_refused_before_the_transfer(server, refused, hdf5):
    huge = Answer(headers={"Content-Length": str(10**18)})
    assert "make room" in refused(server.serve(NAME, hdf5, huge))


def test_a_known_size_beyond_the_free_space_is_refused_before_any_request(server, refused, hdf5):
    assert "make room" in refused(server.serve(NAME, hdf5), size=10**18)
    assert server.log[NAME] == []


def test_a_redirect_is_followed_and_one_to_itself_is_refused(
    server, fetch_from, refused, destination, hdf5
):
    loop = Answer(status=302, headers={"Location": "/loop"})
    assert "redirects" in refused(server.serve("loop", hdf5, *[loop] * 99))
    server.serve(NAME, hdf5)
    fetch_from(server.serve("old", hdf5, Answer(status=302, headers={"Location": f"/{NAME}"})))
    assert destination.read_bytes() == hdf5


def test_a_server_that_is_not_there_is_named_with_what_to_do(refused):
    message = refused("http://127.0.0.1:9/electrons.hdf5")
    assert "http://127.0.0.1:9/electrons.hdf5: the connection failed" in message
    assert "Connection refused" in message
    assert "Download electrons.hdf5 by hand, and set `location`" in message


@pytest.mark.skipif(shutil.which("openssl") is None, reason="makes its certificate with openssl")
def test_a_certificate_that_is_not_trusted_is_refused_at_once(server, refused, tmp_path, hdf5):
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    request = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    files = ["-nodes", "-subj", "/CN=127.0.0.1", "-keyout", key, "-out", certificate]
    subprocess.run(["openssl", *request, *files], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.http.socket = context.wrap_socket(server.http.socket, server_side=True)
    message = refused(server.serve(NAME, hdf5).replace("http:", "https:"))
    assert "the server's certificate is not trusted" in message


def test_credentials_reach_neither_message_nor_pin(server, fetch_from, refused, pin, hdf5):
    url = server.serve(NAME, hdf5, Answer(status=404)).replace("//", "//ann:secret@")
    assert "secret" not in refused(url)
    fetch_from(url)
    assert "secret" not in pin.read_text()


def test_the_final_message_lists_every_address_with_its_reason(server, refused, hdf5):
    gone = server.serve("gone", hdf5, Answer(status=410))
    page = server.serve("page", PAGE)
    message = refused(gone, page, "/no/such/file.hdf5")
    assert f"{gone}: the server answered 410 Gone" in message
    assert f"{page}: this is a web page" in message
    assert "/no/such/file.hdf5: there is no such file" in message
