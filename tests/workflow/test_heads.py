"""One living head process per scenario and folder. The head processes are real processes."""

import errno
import os
import shutil
import socket
import subprocess
import sys
import threading
import time

import pytest

from calobatch.errors import JobError, UserError
from calobatch.workflow import heads
from calobatch.workflow.heads import Head, claim, is_alive, known, require_free

HOLD = """
import sys
from calobatch.workflow.heads import claim
claim(sys.argv[1], run="run-of-" + sys.argv[1])
print("begun", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return heads.FOLDER


@pytest.fixture
def start(folder):
    """A function that starts a head process of a scenario; ended by its input's end, or killed."""
    running = []

    def head_of(scenario):
        process = subprocess.Popen(
            [sys.executable, "-c", HOLD, scenario], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        running.append(process)
        assert process.stdout.readline() == b"begun\n"
        return process

    yield head_of
    for process in running:
        process.kill()
        process.communicate()


def elsewhere(folder, scenario="test"):
    """Write the entry of a head process on another machine, and return both."""
    folder.mkdir(parents=True, exist_ok=True)
    head = Head(scenario=scenario, host="login2", pid=1, began=0.0)
    path = folder / f"{scenario}.json"
    path.write_text(head.model_dump_json())
    return head, path


def wait_for(condition, seconds=180):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def squeue(tmp_path, monkeypatch, text):
    """Put a stand-in for squeue first on the path."""
    (tmp_path / "squeue").write_text(f"#!/bin/sh\n{text}\n")
    (tmp_path / "squeue").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")


def test_a_second_head_process_of_a_scenario_is_refused_with_the_holder(start):
    first = start("test")
    message = rf"test already has a head process.*process {first.pid} on {socket.gethostname()}"
    with pytest.raises(UserError, match=message):
        claim("test")
    with pytest.raises(UserError, match=message):
        require_free("test")


def test_two_scenarios_run_side_by_side(start):
    start("test")
    start("quickstart")
    assert {head.scenario for head in known()} == {"test", "quickstart"}
    assert {head.run for head in known()} == {"run-of-test", "run-of-quickstart"}


def test_a_head_process_that_ends_leaves_no_entry(start, folder):
    start("test").communicate()
    assert list(folder.iterdir()) == []
    require_free("test")


def test_a_killed_head_process_is_replaced_at_once(start, folder):
    first = start("test")
    first.kill()
    first.wait()
    assert [head.pid for head in known()] == [first.pid]
    second = start("test")
    assert [head.pid for head in known()] == [second.pid]
    assert [path.name for path in folder.iterdir()] == ["test.json"]


def test_of_many_that_replace_a_killed_head_process_one_succeeds(start, folder):
    first = start("test")
    first.kill()
    first.wait()
    command = [sys.executable, "-c", HOLD, "test"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    several = [subprocess.Popen(command, **pipes) for _ in range(6)]
    begun = [process for process in several if process.stdout.readline() == b"begun\n"]
    assert len(begun) == 1
    assert [head.pid for head in known()] == [begun[0].pid]
    for process in several:
        process.communicate()


def test_an_entry_that_was_replaced_during_the_look_at_it_stays(start, folder, monkeypatch):
    first = start("test")
    first.kill()
    first.wait()
    second = []

    def slow_look(head, path):
        if not second:
            second.append(start("test"))
            return False
        return is_alive(head, path)

    monkeypatch.setattr(heads, "is_alive", slow_look)
    with pytest.raises(UserError, match="already has a head process"):
        claim("test")
    assert [head.pid for head in known()] == [second[0].pid]
    assert [path.name for path in folder.iterdir()] == ["test.json"]
    second[0].communicate()
    assert list(folder.iterdir()) == []


def test_a_number_that_another_process_has_today_is_not_the_head_process(folder):
    folder.mkdir(parents=True)
    head = Head(scenario="test", host=socket.gethostname(), pid=os.getpid(), began=1.0)
    assert not is_alive(head, folder / "test.json")


def test_a_head_process_on_another_machine_is_alive_if_its_entry_is_touched(folder, monkeypatch):
    head, path = elsewhere(folder)
    monkeypatch.setattr(heads, "SECONDS_TO_WATCH", 20.0)

    def beat():
        time.sleep(1.5)
        os.utime(path)

    threading.Thread(target=beat).start()
    assert is_alive(head, path)


def test_a_head_process_on_another_machine_that_does_not_touch_its_entry_is_dead(
    folder, monkeypatch, capsys
):
    head, path = elsewhere(folder)
    monkeypatch.setattr(heads, "SECONDS_TO_WATCH", 2.0)
    assert not is_alive(head, path)
    assert "whether the head process of test on login2 is alive" in capsys.readouterr().err


def test_an_entry_that_cannot_be_read_is_not_taken_for_that_of_a_dead_process(folder):
    """A link to itself gives an error, which stands for those of a network file system."""
    head, path = elsewhere(folder)
    path.unlink()
    path.symlink_to(path.name)  # too many levels of symbolic links
    for look in (lambda: is_alive(head, path), lambda: claim("test"), known):
        with pytest.raises(JobError, match=r"cannot read .*test\.json"):
            look()


def test_an_entry_that_is_removed_under_a_living_head_process_is_written_again(folder, monkeypatch):
    monkeypatch.setattr(heads, "SECONDS_BETWEEN_BEATS", 0.2)
    head = claim("removed")
    shutil.rmtree(folder.parent)
    wait_for(lambda: known() == [head])


def test_an_entry_that_another_head_process_has_taken_stays_its_own(folder, monkeypatch):
    monkeypatch.setattr(heads, "SECONDS_BETWEEN_BEATS", 0.2)
    claim("taken")
    (folder / "taken.json").unlink()
    other, path = elsewhere(folder, "taken")
    os.utime(path, (0, 0))
    time.sleep(1)
    assert known() == [other]
    assert path.stat().st_mtime == 0


@pytest.mark.parametrize("error", [errno.EPERM, errno.EOPNOTSUPP])
def test_a_file_system_without_hard_links_also_holds_one_claim(folder, monkeypatch, start, error):
    def refuse(*_):
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr(os, "link", refuse)
    claim("first")
    assert [head.scenario for head in known()] == ["first"]
    holder = start("second")
    with pytest.raises(UserError, match=f"already has a head process.*{holder.pid}"):
        claim("second")
    holder.kill()
    holder.wait()
    claim("second")
    assert {head.pid for head in known()} == {os.getpid()}


def test_a_link_that_a_network_file_system_made_twice_is_a_claim(folder, monkeypatch):
    """NFS repeats a request if the answer to it was lost, and then says that the name exists."""

    def make_twice(source, target, link=os.link):
        link(source, target)
        link(source, target)

    monkeypatch.setattr(os, "link", make_twice)
    head = claim("twice")
    assert known() == [head]


def test_a_living_head_process_touches_its_entry(folder, monkeypatch):
    monkeypatch.setattr(heads, "SECONDS_BETWEEN_BEATS", 0.2)
    claim("beating")
    path = folder / "beating.json"
    os.utime(path, (0, 0))
    wait_for(lambda: path.stat().st_mtime > 0)


def test_a_file_system_that_fails_for_a_moment_does_not_end_the_heartbeat(folder, monkeypatch):
    failed = []

    def touch(path, *arguments, touch=os.utime):
        if not failed:
            failed.append(path)
            raise OSError(errno.EIO, "Input/output error")
        touch(path, *arguments)

    monkeypatch.setattr(heads, "SECONDS_BETWEEN_BEATS", 0.2)
    claim("failing")
    path = folder / "failing.json"
    os.utime(path, (0, 0))
    monkeypatch.setattr(os, "utime", touch)
    wait_for(lambda: path.stat().st_mtime > 0)
    assert failed


@pytest.mark.parametrize(
    ("answer", "alive"),
    [
        ("echo RUNNING", True),
        ("echo PENDING", True),
        ("true", False),
        ("echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1", False),
    ],
)
def test_a_submitted_head_process_is_alive_while_slurm_lists_its_job(
    folder, tmp_path, monkeypatch, answer, alive
):
    squeue(tmp_path, monkeypatch, answer)
    head = Head(scenario="test", host="c1", pid=1, began=0.0, job="12")
    assert is_alive(head, folder / "test.json") is alive


def test_without_an_answer_of_slurm_nothing_is_assumed(folder, tmp_path, monkeypatch):
    squeue(tmp_path, monkeypatch, "echo 'Unable to contact slurm controller' >&2; exit 1")
    head = Head(scenario="test", host="c1", pid=1, began=0.0, job="12")
    with pytest.raises(JobError, match=r"job 12, a head process of this folder.*Unable to contact"):
        is_alive(head, folder / "test.json")


def test_a_restarted_job_takes_over_from_itself(folder, tmp_path, monkeypatch):
    squeue(tmp_path, monkeypatch, "echo RUNNING")
    monkeypatch.setenv("CALOBATCH_HEAD_JOB", "12")
    head = Head(scenario="test", host="c1", pid=1, began=0.0, job="12")
    assert not is_alive(head, folder / "test.json")


def test_a_damaged_entry_holds_nobody_up(folder, start):
    folder.mkdir(parents=True)
    (folder / "test.json").write_text("{")
    require_free("test")
    head = start("test")
    assert [other.pid for other in known()] == [head.pid]


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".snakemake").write_text("a file")
    with pytest.raises(UserError, match=r"cannot write .*test\.json"):
        claim("test")
