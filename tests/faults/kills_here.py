"""The workflow on this machine, and how it is killed there."""

import os
import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import IO

import psutil

from tests.checkout import Workflow

RUN = [
    sys.executable, "-m", "snakemake", "--profile", "cluster/local", "--config", "scenario=kills",
]  # fmt: skip


class Here:
    """A copy of the checkout, and processes of this machine."""

    ways = (
        "SIGKILL head",
        "SIGKILL group",
        "SIGKILL one process",
        "SIGTERM head",
        "SIGTERM group",
        "SIGHUP group",
        "SIGINT group",
    )

    def __init__(self, folder: Path, scenario: str) -> None:
        self.folder = Workflow(folder).folder
        (self.folder / "config/kills.yaml").write_text(scenario)

    def begin_again(self) -> None:
        """Delete all results."""
        for name in ("data", "results", "logs", ".snakemake", "mlruns"):
            shutil.rmtree(self.folder / name, ignore_errors=True)
        for path in self.folder.glob("mlflow.db*"):
            path.unlink()

    def start(self, log: IO[bytes]) -> subprocess.Popen[bytes]:
        """Start the workflow as the leader of a process group, as a shell does."""
        return subprocess.Popen(
            RUN, cwd=self.folder, stdout=log, stderr=log, start_new_session=True
        )

    def strike(self, way: str, head: subprocess.Popen[bytes], dice: random.Random) -> None:
        """Send the signal to its target. A process that has just ended is no error."""
        name, target = way.split(maxsplit=1)
        number = signal.Signals[name]
        try:
            if target == "head":
                os.kill(head.pid, number)
            elif target == "group":
                os.killpg(head.pid, number)
            else:
                family = psutil.Process(head.pid).children(recursive=True)
                dice.choice(family or [psutil.Process(head.pid)]).send_signal(number)
        except (ProcessLookupError, psutil.NoSuchProcess):
            pass

    def left(self) -> list[str]:
        """Return the processes that still work in the folder."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.cwd() == str(self.folder):
                    found.append(f"{process.pid} {process.name()}")
            except (psutil.Error, OSError):
                continue
        return found
