"""Run another program that may be missing or never end, and return what it printed."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from typing import NamedTuple

TIMEOUT_SECONDS = 30.0
TIMED_OUT, NO_PROGRAM = 124, 127
# Variables with which users choose what SLURM's programs show them, or what scancel cancels. With
# SQUEUE_STATES=R, for example, squeue does not list jobs that wait. Kept are SLURM_CONF and
# SLURM_CLUSTERS, which say which cluster is asked, and SBATCH_*, which belong to the user's jobs.
FILTERS = ("SACCT_", "SCANCEL_", "SCONTROL_", "SINFO_", "SQUEUE_")
FORMATS = ("SLURM_BITSTR_LEN", "SLURM_JSON", "SLURM_TIME_FORMAT", "SLURM_YAML")


class Answer(NamedTuple):
    """What a program printed, and its exit code.

    As in a shell, 124 means no answer in time, 126 not executable and 127 no such program.
    """

    code: int
    output: str
    errors: str = ""

    @property
    def complaint(self) -> str:
        """The last line of the program's messages, which usually says what went wrong."""
        lines = [line for line in (self.errors or self.output).splitlines() if line.strip()]
        return lines[-1].strip() if lines else f"exit code {self.code}"


def ask(
    command: Sequence[str],
    timeout: float = TIMEOUT_SECONDS,
    environment: Mapping[str, str] | None = None,
    text: str = "",
) -> Answer:
    """Run a command with ``text`` as its input and return its answer, even if the command fails.

    ``timeout`` is in seconds. The command gets this process's environment unless another is given;
    in both cases without the variables that change the answers of SLURM's programs.
    """
    try:
        done = subprocess.run(
            command,
            input=text,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            env=asking_for_all(os.environ if environment is None else environment),
            check=False,
        )
    except FileNotFoundError:
        return Answer(NO_PROGRAM, "", f"the program {command[0]} is not installed")
    except PermissionError as error:
        return Answer(126, "", str(error))
    except subprocess.TimeoutExpired:
        return Answer(TIMED_OUT, "", f"{command[0]} did not answer within {timeout:.0f} s")
    return Answer(done.returncode, done.stdout, done.stderr)


def asking_for_all(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment without the variables that change the answers of SLURM's programs."""
    return {
        name: value
        for name, value in environment.items()
        if not name.startswith(FILTERS) and name not in FORMATS
    }
