"""The testbed for tests: the checkout of an ordinary user, and commands on the login node."""

import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from calobatch.file_lock import wait_for_lock
from calobatch.slurm.images import environment_hash
from tests.checkout import CHECKOUT
from tests.cluster.own_crops import write_crops
from tests.cluster.readme import commands

TESTBED = CHECKOUT / "cluster" / "testbed"
USER = 1000
SITE = """account: physics
gpus_per_node: 2
cpus_per_node: 4
mb_per_node: 8000
"""
# Other tests may use the machine at the same time.
PATIENCE_SECONDS = 1200
PROFILE = "cluster/slurm/config.yaml"
# The daemons of the login node that a test may stop: the controller, the accounting, its database.
Daemon = Literal["slurmctld", "slurmdbd", "mariadbd"]


def shared_folder(worker: str = "") -> Path:
    """Return the folder that all nodes of the testbed share.

    ``worker`` is a process of pytest-xdist, which has a testbed of its own. The first has the
    folder of a pytest without workers, so that both use what was built there.
    """
    default = (CHECKOUT / ".cache").resolve() / "testbed" / "checkout"
    first = Path(os.environ.get("CALOBATCH_TESTBED_FOLDER", default))
    return first if worker in ("", "gw0") else first.with_name(f"{first.name}-{worker}")


@contextmanager
def one_worker_builds() -> Iterator[None]:
    """Let other workers wait until this one has built what they need too."""
    with (CHECKOUT / ".cache" / "workers.lock").open("wb") as lock:
        wait_for_lock(lock, "another worker that builds")
        yield


def wait_until(condition, what):
    """Call ``condition`` until its result is true, and return that; fail after PATIENCE_SECONDS."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (found := condition()):
        assert time.monotonic() < deadline, f"waited {PATIENCE_SECONDS} s for {what}"
        time.sleep(1)
    return found


class Stopwatch:
    """Seconds since the stopwatch was made."""

    def __init__(self) -> None:
        self._start = time.monotonic()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._start


def impatient(profile: str) -> str:
    """Return Snakemake's profile with earlier looks at jobs, because those of tests are short."""
    changed, count = re.subn(r"(before-status-checks): .*", r"\1: 2", profile)
    assert count == 1
    return changed


class Testbed:
    """A running cluster and its shared folder, which holds a checkout.

    The environment variable CALOBATCH_TESTBED names the cluster, so that two runs of the tests do
    not disturb each other, and ``worker`` is part of the name.
    """

    __test__ = False

    def __init__(self, folder: Path, worker: str = "") -> None:
        self.folder = folder
        name = os.environ.get("CALOBATCH_TESTBED", "calobatch-tests")
        self.cluster = f"{name}-{worker}" if worker else name
        self.environment = {
            **os.environ,
            "CALOBATCH_TESTBED": self.cluster,
            "CALOBATCH_TESTBED_FOLDER": str(folder),
        }

    def bring(self, names: list[str]) -> None:
        """Copy this checkout to the shared one, but keep what was built or cached there."""
        kept = {".venv", ".cache", "containers", "images"}
        for folder in (self.folder, self.folder / "containers"):
            folder.mkdir(parents=True, exist_ok=True)
            stale = [str(path) for path in folder.iterdir() if path.name not in kept]
            subprocess.run(["rm", "-rf", *stale], check=True)
        for name in names:
            target = self.folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(CHECKOUT / name, target, follow_symlinks=False)
        self.write("cluster/slurm/site.yaml", SITE)
        self.write(PROFILE, impatient((self.folder / PROFILE).read_text()))
        subprocess.run(["chown", "-R", f"{USER}:{USER}", self.folder], check=True)

    def set_up(self) -> None:
        """Take the README's first steps for a new user, word for word.

        The nodes have no compiler, so the wheelhouse is made on this machine and copied, and
        `make wheelhouse` finds that it is complete. The repository is cloned in test_readme.py.

        The worker that comes first builds the images. The others copy them, and `make images` finds
        them.
        """
        _, head, site, images, *_ = commands()
        with one_worker_builds():
            subprocess.run(["make", "wheelhouse"], cwd=CHECKOUT, check=True)
            self._copy(CHECKOUT / ".cache/wheelhouse/cpu", ".cache/wheelhouse")
            for folder in shared_folder().parent.glob(f"{shared_folder().name}*"):
                for image in (folder / "containers/images").glob(f"*-{environment_hash()}.sif"):
                    if folder != self.folder:
                        self._copy(image, "containers/images")
            self.shell(head)
            self.shell(site)
            self.write("cluster/slurm/site.yaml", SITE)
            self.shell(images, timeout=1800)
        # Those of earlier environments are never used again, and take 0.9 GB each.
        for image in (self.folder / "containers/images").glob("*.sif"):
            if not image.stem.endswith(environment_hash()):
                image.unlink()

    def _copy(self, source: Path, target: str) -> None:
        """Copy a file or folder of this machine into a folder of the shared checkout."""
        folder = self.folder / target
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cp", "-ru", source, folder], check=True)
        top = self.folder / Path(target).parts[0]
        subprocess.run(["chown", "-R", f"{USER}:{USER}", top], check=True)

    def write(self, name: str, text: str) -> None:
        """Write a file into the shared checkout."""
        path = self.folder / name
        path.write_text(text)
        os.chown(path, USER, USER)

    def write_crops(self) -> None:
        """Write the raw file of own_crops.py into the shared checkout."""
        path = write_crops(self.folder)
        for written in (path.parent, path):
            os.chown(written, USER, USER)

    def call(self, script: str, *arguments: str) -> None:
        """Run one of the commands in cluster/testbed."""
        subprocess.run([TESTBED / script, *arguments], env=self.environment, check=True)

    def shell(
        self, command: str, *, check: bool = True, timeout: float = 1800
    ) -> subprocess.CompletedProcess[str]:
        """Run a command on the login node as the user, in the environment of the checkout."""
        answer = subprocess.run(
            self.prefix(command),
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=timeout,
            stdin=subprocess.DEVNULL,
        )
        if check and answer.returncode:
            raise AssertionError(f"{command}:\n{answer.stdout}\n{answer.stderr}")
        return answer

    def start(self, command: str) -> subprocess.Popen[str]:
        """Start a command on the login node, with its output in a pipe."""
        return subprocess.Popen(
            self.prefix(command),
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
        )

    def prefix(self, command: str) -> list[str]:
        """Return the arguments that run a command on the login node."""
        activate = "[ -e .venv/bin/activate ] && source .venv/bin/activate"
        inside = f"cd {self.folder}; {activate}; {command}"
        return [str(TESTBED / "shell"), "bash", "-c", inside]

    def node(self, name: str, *command: str) -> str:
        """Run a podman command on a node's container, and return what it prints.

        ``node("c1", "kill")`` makes a node fail, and ``node("c1", "exec", ...)`` runs a command
        there as root.
        """
        container = f"{self.cluster}-{name}"
        podman = ["podman", "--log-level", "error", "--runtime", "runc"]
        answer = subprocess.run(
            [*podman, command[0], container, *command[1:]], capture_output=True, text=True
        )
        if answer.returncode:
            raise AssertionError(f"{name}: {' '.join(command)}:\n{answer.stdout}\n{answer.stderr}")
        return answer.stdout

    def stop_daemon(self, name: Daemon) -> None:
        """Stop a daemon of the login node, and return when it has ended."""
        self.node("login", "exec", "/testbed/daemon", "stop", name)

    def start_daemon(self, name: Daemon) -> None:
        """Start a daemon of the login node that was stopped, and return when it answers.

        Nothing happens if the daemon is running, so that a test may always call this at its end.
        """
        self.node("login", "exec", "/testbed/daemon", "start", name)

    @contextmanager
    def without(self, *names: Daemon) -> Iterator[None]:
        """Stop daemons in this order, and start them again at the end in the opposite order."""
        for name in names:
            self.stop_daemon(name)
        try:
            yield
        finally:
            for name in reversed(names):
                self.start_daemon(name)

    def sacct_state(self, job: str) -> str:
        """Return the state of a job as accounting has it, for example "CANCELLED by 1000".

        The text is empty if accounting does not know the job. This is SLURM's own sacct, not one
        that the checkout may have put first in the PATH.
        """
        options = ["--noheader", "--parsable2", "--allocations", "--format=State", f"--jobs={job}"]
        return self.node("login", "exec", "/usr/bin/sacct", *options).strip()
