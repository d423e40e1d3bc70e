import os
import pty
import subprocess
import sys
import termios

import pytest

SCRIPT = """
import sys
from calobatch import progress
progress.SECONDS_BETWEEN_LINES = float(sys.argv[1])
total, quiet = int(sys.argv[2]) or None, sys.argv[3] == "quiet"
try:
    with progress.Progress("pack crops", total, "events", done=5, quiet=quiet) as bar:
        for _ in range(3):
            bar.advance(10)
        if sys.argv[3] == "fails":
            raise ZeroDivisionError
except ZeroDivisionError:
    pass
"""


def in_a_log(seconds_between_lines, total, mood=""):
    """Return the lines that are written to a stderr that is not a terminal."""
    command = [sys.executable, "-c", SCRIPT, str(seconds_between_lines), str(total), mood]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    assert not answer.stdout
    assert "\r" not in answer.stderr
    return answer.stderr.splitlines()


def in_a_terminal(mood=""):
    """Return what is written to a terminal."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    command = [sys.executable, "-c", SCRIPT, "0", "35", mood]
    with subprocess.Popen(command, stderr=theirs) as process:
        os.close(theirs)
        shown = b""
        while part := read(ours):
            shown += part
    os.close(ours)
    assert process.returncode == 0
    return shown.decode()


def read(terminal):
    try:
        return os.read(terminal, 4096)
    except OSError:  # Linux reports the closed other end like this
        return b""


def test_a_log_gets_plain_lines_that_include_what_was_done_before():
    lines = in_a_log(0, 35)
    assert [line.split("/")[0] for line in lines] == [
        "pack crops: 15",
        "pack crops: 25",
        "pack crops: 35",
        "pack crops: 35",
    ]
    assert all("/35 events" in line for line in lines)


def test_a_log_gets_few_lines_but_always_a_last_one():
    (line,) = in_a_log(60, 35)
    assert line.startswith("pack crops: 35/35 events")


def test_large_numbers_are_short():
    (line,) = in_a_log(60, 20_600)
    assert line.startswith("pack crops: 35.0/20.6k events")


def test_an_unknown_total_is_not_shown():
    (line,) = in_a_log(60, 0)
    assert line.startswith("pack crops: 35.0 events")


def test_failed_work_does_not_look_finished():
    assert in_a_log(60, 35, "fails") == []


def test_a_terminal_gets_a_bar():
    shown = in_a_terminal()
    assert "\r" in shown
    assert "100%" in shown
    assert "35/35" in shown


@pytest.mark.parametrize(
    "shown", [lambda: in_a_log(0, 35, "quiet"), lambda: in_a_terminal("quiet")]
)
def test_quiet_work_shows_nothing(shown):
    assert not shown()
