"""Tell the user's own command that a run has ended, for example to send a message."""

import os
import subprocess
import sys
from collections.abc import Mapping
from enum import StrEnum

VARIABLE = "CALOBATCH_AT_END"
SECONDS = 60


class Outcome(StrEnum):
    """How a run has ended."""

    FINISHED = "finished"
    FAILED = "failed"
    STOPPED = "stopped"  # by the user


def tell_command(
    outcome: Outcome, scenario: str, summary: str, environment: Mapping[str, str] = os.environ
) -> None:
    """Run the command in the variable CALOBATCH_AT_END, if it is set.

    Its input is ``summary``, and it finds the scenario and the outcome in the variables
    CALOBATCH_SCENARIO and CALOBATCH_OUTCOME. It never changes how the run ends: if it fails, or
    takes longer than a minute, a line says so.
    """
    command = environment.get(VARIABLE)
    if not command:
        return
    told = {**environment, "CALOBATCH_SCENARIO": scenario, "CALOBATCH_OUTCOME": outcome.value}
    try:
        subprocess.run(
            ["/bin/sh", "-c", command],
            input=summary + "\n", text=True, env=told, timeout=SECONDS, check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError) as error:
        print(
            f"calobatch: the command in {VARIABLE} failed ({error}); the run is not affected",
            file=sys.stderr,
        )
