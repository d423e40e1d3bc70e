import hashlib
import os
import subprocess
import sys
import time

import pytest

from calobatch import known_sha256
from calobatch.known_sha256 import known_sha256 as sha256_of_file


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "large"
    path.write_bytes(b"content")
    return path


@pytest.fixture
def reads(monkeypatch):
    """The files that were read, in order."""
    read = []

    def counted(path):
        read.append(path)
        return hashlib.sha256(path.read_bytes()).hexdigest()

    monkeypatch.setattr(known_sha256, "sha256_of", counted)
    return read


def rewrite(path):
    path.write_bytes(b"CONTENT")


def rewrite_with_the_old_time(path):
    before = path.stat()
    time.sleep(0.02)  # the clock of file times has steps of a few milliseconds
    path.write_bytes(b"CONTENT")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def replace(path):
    other = path.with_name("other")
    other.write_bytes(b"CONTENT")
    other.replace(path)


def test_a_file_is_read_once(path, reads):
    answers = {sha256_of_file(path) for _ in range(3)}
    assert answers == {hashlib.sha256(b"content").hexdigest()}
    assert reads == [path]


@pytest.mark.parametrize("change", [rewrite, rewrite_with_the_old_time, replace])
def test_a_changed_file_of_the_same_size_is_read_again(path, reads, change):
    sha256_of_file(path)
    time.sleep(0.02)
    change(path)
    assert sha256_of_file(path) == hashlib.sha256(b"CONTENT").hexdigest()
    assert reads == [path, path]


@pytest.mark.parametrize("damage", [b"", b"{}", b"\xff", b'{"sha256": "0", "version": {}}'])
def test_a_damaged_memory_counts_as_none(path, reads, damage):
    expected = sha256_of_file(path)
    memory = path.with_name(".large.sha256")
    memory.write_bytes(damage)
    assert sha256_of_file(path) == expected
    memory.write_bytes(memory.read_bytes().replace(expected[:8].encode(), b"00000000"))
    assert sha256_of_file(path) == expected
    assert len(reads) == 3


def test_a_folder_that_cannot_be_written_is_no_error(path, reads, monkeypatch):
    """The user of these tests may be root, who can write everywhere."""

    def refuse(*_, **__):
        raise PermissionError("read-only")

    monkeypatch.setattr("pathlib.Path.open", refuse)
    monkeypatch.setattr("calobatch.record.write_text", refuse)
    monkeypatch.setattr(known_sha256, "sha256_of", lambda path: "0" * 64)
    assert sha256_of_file(path) == "0" * 64
    assert list(path.parent.iterdir()) == [path]


def test_processes_that_ask_at_the_same_moment_read_the_file_once(tmp_path):
    large = tmp_path / "large"
    large.write_bytes(bytes(1000))
    code = (
        "import sys, time; from pathlib import Path; from calobatch import known_sha256 as k\n"
        "def slow(path): print('read'); time.sleep(1); return '0' * 64\n"
        "k.sha256_of = slow; k.known_sha256(Path(sys.argv[1]))"
    )
    command = [sys.executable, "-c", code, large]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    outputs = [process.communicate()[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert sorted(outputs) == ["", "", "read\n"]
