"""Which job of the workflow a SLURM job is, read from the command line that submitted it.

Accounting stores the submit line by default since SLURM 21.08. It stores the comment, in which
Snakemake's SLURM plugin also writes the rule, only where AccountingStoreFlags has job_comment. The
submit line has more than the comment: in it, the plugin calls Snakemake for one job of the
workflow, with the names of the wildcards, the number of the attempt and the scenario.
"""

import re
from pathlib import Path
from typing import NamedTuple

# SLURM joins the arguments without quotes, so the line cannot be divided as a shell would do it.
TARGET = re.compile(r"--target-jobs\s+['\"]?(\w+):([^\s'\"]*)")
ATTEMPT = re.compile(r"--attempt\s+(\d+)")
SCENARIO = re.compile(r"--config\s(?:(?!\s--).)*?\bscenario=['\"]?([^\s'\"]+)", re.DOTALL)


class WorkflowJob(NamedTuple):
    """A job of the workflow. ``wildcards`` are by name; ``attempt`` counts Snakemake's, from 1."""

    rule: str
    wildcards: dict[str, str]
    scenario: str
    attempt: int

    def __str__(self) -> str:
        """Return the values of the wildcards in their order, for example "quark_gluon, 1"."""
        return ", ".join(self.wildcards.values())


def read_submit_line(line: str, default: str) -> WorkflowJob | None:
    """Return the job of the workflow that a submit line started, or None if there is none.

    ``default`` is the scenario of a line that names none.
    """
    target = TARGET.search(line)
    if not target:
        return None
    attempt, scenario = ATTEMPT.search(line), SCENARIO.search(line)
    pairs = (pair.partition("=") for pair in target[2].split(",") if pair)
    return WorkflowJob(
        rule=target[1],
        wildcards={name: value for name, _, value in pairs},
        # A scenario may also be given as the path of its file.
        scenario=Path(scenario[1]).stem if scenario else default,
        attempt=int(attempt[1]) if attempt else 1,
    )
