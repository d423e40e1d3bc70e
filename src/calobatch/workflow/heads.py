"""The head processes of a project folder: who works on which scenario, and whether it is alive.

A head process is the Snakemake that starts and watches all jobs. Two of them may work in one folder
on different scenarios, but not on the same one, because they would write the same files. Each one
therefore writes an entry, a small file, and removes it when it ends. An entry whose head process
was killed is recognised and replaced, so that nobody has to remove a lock by hand.
"""

import atexit
import contextlib
import errno
import os
import socket
import sys
import threading
import time
from pathlib import Path

import psutil

from calobatch.errors import JobError, UserError
from calobatch.record import Record
from calobatch.slurm.ask import ask
from calobatch.slurm.submit import HEAD_JOB

FOLDER = Path(".snakemake/calobatch_heads")
# A living head process touches its entry this often. Machines that cannot see its process watch the
# entry for longer than that; file systems on a network show a change after at most a minute.
SECONDS_BETWEEN_BEATS = 15.0
SECONDS_TO_WATCH = 90.0
# Two readings of the time at which a process started may differ by rounding.
SECONDS_OF_ROUNDING = 2.0
# The errors of file systems without hard links.
NO_HARD_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS)


class Head(Record):
    """One head process.

    ``run`` is the name that Snakemake's SLURM plugin gives to all jobs of this head process, empty
    if jobs run on this machine. ``job`` is the SLURM job that the head process itself runs in,
    empty if it was not submitted. ``began`` is in seconds since 1970.
    """

    scenario: str
    host: str
    pid: int
    began: float
    run: str = ""
    job: str = ""

    def __str__(self) -> str:
        """Return the head process in words, and how to end it."""
        if self.job:
            return f"job {self.job} (end it with `scancel {self.job}`)"
        # After a plain `kill`, Snakemake first waits for all jobs that run.
        return f"process {self.pid} on {self.host} (end it there with `kill -INT {self.pid}`)"


def claim(scenario: str, run: str = "", folder: Path = FOLDER) -> Head:
    """Enter this process as the head process of ``scenario`` until it ends.

    Raises a UserError if another head process works on ``scenario``, or if the entry cannot be
    written.
    """
    this = Head(
        scenario=scenario,
        host=socket.gethostname(),
        pid=os.getpid(),
        began=psutil.Process().create_time(),
        run=run,
        job=_own_job(),
    )
    path = folder / f"{scenario}.json"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        while not _created(path, this):
            dead = require_free(scenario, folder)
            _remove_dead(path, dead, path.with_name(f".{scenario}.{this.host}.{this.pid}.dead"))
    except FileNotFoundError:
        return claim(scenario, run, folder)
    except OSError as error:
        raise UserError(
            f"cannot write {path}: {error}; correct its permissions, or free some space"
        ) from None
    _keep_alive(path, this)
    return this


def require_free(scenario: str, folder: Path = FOLDER) -> Head | None:
    """Raise a UserError that names the head process of ``scenario``, if one is alive.

    Otherwise return the head process that left its entry when it was killed, or None.
    """
    path = folder / f"{scenario}.json"
    head = _read(path)
    if head and is_alive(head, path):
        raise UserError(
            f"the scenario {scenario} already has a head process in this folder, {head}; wait "
            "until it ends, or run another scenario at the same time"
        )
    return head


def known(folder: Path = FOLDER) -> list[Head]:
    """Return the head processes that have an entry, alive or killed."""
    return [head for path in sorted(folder.glob("*.json")) if (head := _read(path))]


def is_alive(head: Head, path: Path) -> bool:
    """Return whether the process of an entry is alive.

    Raises a JobError if SLURM has to say so and does not answer.
    """
    if head.job:
        # A restarted job finds the entry of the process that it had before.
        return head.job != _own_job() and _is_queued(head.job)
    if head.host == socket.gethostname():
        return _is_running(head)
    return _beats(head, path)


def _is_running(head: Head) -> bool:
    """Return whether the process runs; another one may have its number after a restart."""
    try:
        began = float(psutil.Process(head.pid).create_time())
    except psutil.NoSuchProcess:
        return False
    return abs(began - head.began) < SECONDS_OF_ROUNDING


def _is_queued(job: str) -> bool:
    """Return whether SLURM lists a job as waiting or running."""
    answer = ask(["squeue", "--noheader", f"--jobs={job}", "--format=%T"])
    if answer.code and "Invalid job id" not in answer.errors:
        raise JobError(
            f"squeue does not say whether job {job}, a head process of this folder, is alive: "
            f"{answer.complaint}; try again when SLURM answers"
        )
    return answer.code == 0 and bool(answer.output.strip())


def _beats(head: Head, path: Path) -> bool:
    """Watch the entry of a process on another machine, and return whether it is touched."""
    print(
        f"calobatch: watching for up to {SECONDS_TO_WATCH:.0f} s whether the head process of "
        f"{head.scenario} on {head.host} is alive",
        file=sys.stderr,
    )
    first, deadline = _touched(path), time.monotonic() + SECONDS_TO_WATCH
    while time.monotonic() < deadline:
        time.sleep(1)
        if (last := _touched(path)) != first:
            # Without a time, the entry is gone: the head process has just ended.
            return last is not None
    return False


def _touched(path: Path) -> float | None:
    """Return when the file was touched, or None if it is gone.

    Opening it makes a network file system ask its server. Raises a JobError if it cannot be read,
    which does not mean that its head process is dead.
    """
    try:
        with path.open("rb") as file:
            return os.fstat(file.fileno()).st_mtime
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ESTALE):
            return None
        raise _unreadable(path, error) from None


def _keep_alive(path: Path, head: Head) -> None:
    """Touch the entry until this process ends, and then remove it.

    An entry that somebody removed, for instance with the whole folder .snakemake, is written again
    unless another head process has claimed the scenario since.
    """
    path = path.absolute()

    def beat_once() -> None:
        found = _read(path)
        if found == head:
            os.utime(path)
        elif found is None:
            path.parent.mkdir(parents=True, exist_ok=True)
            _created(path, head)

    def beat() -> None:
        while True:
            time.sleep(SECONDS_BETWEEN_BEATS)
            # A network file system may fail for a moment, which must not end the heartbeat.
            with contextlib.suppress(OSError, JobError):
                beat_once()

    def remove() -> None:
        with contextlib.suppress(OSError, JobError):
            if _read(path) == head:
                path.unlink()

    threading.Thread(target=beat, name="heartbeat", daemon=True).start()
    atexit.register(remove)


def _created(path: Path, head: Head) -> bool:
    """Write an entry unless there is one, and return whether the entry is that of ``head``."""
    text = head.model_dump_json()
    partial = path.with_name(f".{path.name}.{head.host}.{head.pid}")
    try:
        partial.write_text(text, encoding="utf-8")
        # A link, unlike a rename, fails if the name exists.
        os.link(partial, path)
    except FileExistsError:
        # NFS repeats a request whose answer was lost, and then finds its own link.
        return _read(path) == head
    except OSError as error:
        if error.errno not in NO_HARD_LINKS:
            raise
        return _created_without_link(path, text)
    finally:
        partial.unlink(missing_ok=True)
    return True


def _created_without_link(path: Path, text: str) -> bool:
    """Write an entry as ``_created`` does, on a file system that has no hard links.

    For an instant the entry is empty, and another head process takes it for a damaged one.
    """
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        return False
    return True


def _remove_dead(path: Path, dead: Head | None, aside: Path) -> None:
    """Remove the entry of ``dead``, or a damaged one, but not one that has replaced it since.

    Asking whether ``dead`` is alive takes seconds, in which another process may have claimed the
    scenario. The entry is therefore moved away, read, and put back if it is a different one.
    """
    path.replace(aside)
    try:
        other = _read(aside)
        if other and other != dead:
            # Changes nothing if a third process has created an entry in the meantime.
            _created(path, other)
    finally:
        aside.unlink()


def _read(path: Path) -> Head | None:
    """Return the head process of an entry, or None if there is no entry or it is damaged.

    Raises a JobError if the entry cannot be read, which does not mean that it is damaged.
    """
    try:
        return Head.model_validate_json(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return None
    except OSError as error:
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: OSError) -> JobError:
    return JobError(
        f"cannot read {path}, the entry of a head process: {error}; correct its permissions, or "
        "try again when the file system answers"
    )


def _own_job() -> str:
    return os.environ.get(HEAD_JOB, "")
