"""The workflow on the testbed's SLURM cluster, and how it is killed there."""

import random
import subprocess
import time
from pathlib import Path
from typing import IO

from tests.checkout import files_of_the_checkout
from tests.cluster.testbed import USER, Testbed, wait_until

RUN = "exec snakemake --profile slurm --config scenario=kills"
HEAD = "bin/snakemake --profile slurm --config scenario=kills"
NODES = ("c1", "c2")
# A node that is away for less time may not even be missed.
SECONDS_AWAY = 20


class OnTestbed:
    """A running cluster, with the checkout in the folder that its nodes share."""

    ways = (
        "SIGKILL head",
        "SIGTERM head",
        "SIGHUP head",
        "SIGKILL one process",
        "SIGKILL one job",
        "scancel one job",
        "node away",
    )

    def __init__(self, folder: Path, scenario: str) -> None:
        self.folder = folder
        self.testbed = Testbed(folder)
        self.testbed.bring(files_of_the_checkout())
        self.testbed.call("up")
        self.testbed.set_up()
        self.testbed.write("config/kills.yaml", scenario)

    def begin_again(self) -> None:
        """Delete all results."""
        self.testbed.shell("rm -rf data results logs .snakemake mlruns mlflow.db*")

    def start(self, log: IO[bytes]) -> subprocess.Popen[bytes]:
        """Start the head process on the login node."""
        return subprocess.Popen(
            self.testbed.prefix(RUN),
            env=self.testbed.environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )

    def strike(self, way: str, head: subprocess.Popen[bytes], dice: random.Random) -> None:
        """Do what ``way`` says to a random target. There is no error if there is no target."""
        node = dice.choice(NODES)
        if way == "node away":
            self.testbed.node(node, "kill")
            time.sleep(SECONDS_AWAY)
            self.testbed.node(node, "start")
        elif way.endswith("head"):
            self._signal("login", way.split()[0], self._processes("login", "--full", HEAD))
        elif way.endswith("one process"):
            of_user = self._processes(node, "--uid", str(USER))
            self._signal(node, "SIGKILL", [dice.choice(of_user)] if of_user else [])
        elif jobs := self._jobs():
            job = dice.choice(jobs)
            signal = "--signal=KILL --full" if way.startswith("SIGKILL") else ""
            self.testbed.shell(f"scancel {signal} {job}", check=False)

    def left(self) -> list[str]:
        """Return the jobs in the queue, and the user's processes on the nodes."""
        wait_until(lambda: not self._jobs(), "the queue to become empty")
        return [
            f"{pid} on {node}"
            for node in NODES
            for pid in self._processes(node, "--uid", str(USER))
        ]

    def _jobs(self) -> list[str]:
        return self.testbed.shell("squeue --me --noheader --format=%i").stdout.split()

    def _processes(self, node: str, *pattern: str) -> list[str]:
        found = subprocess.list2cmdline(["pgrep", *pattern])
        return self.testbed.node(node, "exec", "bash", "-c", f"{found} || true").split()

    def _signal(self, node: str, signal: str, pids: list[str]) -> None:
        """Send the signal. A process that has just ended is no error."""
        if pids:
            command = f"kill -{signal.removeprefix('SIG')} {' '.join(pids)} || true"
            self.testbed.node(node, "exec", "bash", "-c", command)
