"""doctor: check everything that a cluster run needs, before jobs wait in the queue for hours."""

import shutil
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import NamedTuple

from calobatch.config.scenario import Scenario
from calobatch.slurm.checks import compute_node, environment, partitions, ranks, scheduler, storage
from calobatch.slurm.checks.case import Case
from calobatch.slurm.checks.finding import Finding, Mark, skipped
from calobatch.slurm.site import SITE_FILE


class Check(NamedTuple):
    """A check: its name, its function, and the names of the checks that must succeed before it."""

    name: str
    run: Callable[[Case], Finding]
    needs: tuple[str, ...] = ()


# In the order in which they run and are printed: quick ones first, those that need a job last.
CHECKS = (
    Check("site file", environment.site_file),
    Check("largest training", environment.largest_training, ("site file",)),
    Check("SLURM", scheduler.slurm_answers),
    Check("accounting", scheduler.accounting, ("SLURM",)),
    Check("account", scheduler.account, ("site file", "accounting")),
    Check("partitions", partitions.partitions_exist, ("largest training", "SLURM")),
    Check("nodes", partitions.nodes_fit, ("partitions",)),
    Check("time limit", partitions.time_limit, ("partitions",)),
    Check("sbatch", partitions.accepted, ("account", "nodes")),
    Check("submitted head", partitions.submitted_head, ("nodes",)),
    Check("images", environment.images_there, ("site file",)),
    Check("project folder", storage.project_folder),
    Check("links", storage.links, ("site file",)),
    Check("disk space", storage.disk_space),
    Check("quota", storage.quota),
    Check("variables", environment.variables),
    Check(
        "compute node",
        compute_node.compute_node,
        ("partitions", "account", "project folder", "links"),
    ),
    Check("shared folder", compute_node.shared_folder, ("compute node",)),
    Check("linked folders", compute_node.linked_folders, ("shared folder",)),
    Check("file locks", compute_node.file_locks, ("shared folder",)),
    Check("Apptainer", compute_node.apptainer, ("compute node",)),
    Check("image mount", compute_node.image_mounts, ("images", "Apptainer")),
    Check("GPUs in image", compute_node.gpus_in_image, ("image mount",)),
    Check("ranks", ranks.ranks_talk, ("nodes", "image mount")),
)
NO_CLUSTER = f"""\
doctor: this machine has no SLURM (no sbatch) and no {SITE_FILE}, so there is nothing to check.
To run here, type `make run`: it needs neither.
To run on a cluster, clone calobatch on its login node and follow "On a cluster" in README.md."""
WIDTH = max(len(check.name) for check in CHECKS)


def doctor(scenario: Scenario, patience: float, checks: Sequence[Check] = CHECKS) -> bool:
    """Run all checks, print each when it ends, and return whether none of them failed.

    ``patience`` is the number of seconds to wait for a test job to start. Even when the doctor is
    interrupted, it leaves no job and no file behind.
    """
    if checks is CHECKS and shutil.which("sbatch") is None and not SITE_FILE.exists():
        print(NO_CLUSTER)
        return False
    # SIGTERM and SIGHUP raise KeyboardInterrupt, like Ctrl-C, so that `finally` blocks and the
    # ExitStack cancel jobs and delete files.
    previous = {
        number: signal.signal(number, signal.default_int_handler)
        for number in (signal.SIGTERM, signal.SIGHUP)
    }
    try:
        with ExitStack() as leftovers:
            findings = list(examine(Case(scenario, patience, leftovers), checks))
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
    print(f"\n{summary(findings)}")
    return all(finding.mark is not Mark.FAILED for finding in findings)


def examine(case: Case, checks: Sequence[Check]) -> Iterator[Finding]:
    """Run, print and yield each check. A check is skipped if one that it needs did not succeed."""
    # For each check that others cannot rely on: the check that is to blame. A chain of skipped
    # checks is blamed on the first.
    blamed: dict[str, str] = {}
    for check in checks:
        _announce(check.name)
        causes = [blamed[name] for name in check.needs if name in blamed]
        finding = skipped(f"not checked because of {causes[0]}") if causes else check.run(case)
        if not finding.suffices:
            blamed[check.name] = causes[0] if causes else f"{check.name} ({finding.mark})"
        print("\n".join(lines(check.name, finding)), flush=True)
        yield finding


def _announce(name: str) -> None:
    """Show the running check on a terminal; its result then overwrites the line."""
    if sys.stdout.isatty():
        print(f"{'...':8} {name:{WIDTH}}", end="\r", flush=True)


def lines(name: str, finding: Finding) -> list[str]:
    """Return the lines to print for a check: its result and, if there is one, the fix."""
    first = f"{finding.mark:8} {name:{WIDTH}}  {finding.result}"
    return [first, f"{'':8} {'':{WIDTH}}  -> {finding.fix}"] if finding.fix else [first]


def summary(findings: Sequence[Finding]) -> str:
    """Return the last line: how many checks ended in which way, and what that means."""
    count = Counter(finding.mark for finding in findings)
    counted = ", ".join(f"{count[mark]} {mark}" for mark in Mark if count[mark])
    if count[Mark.FAILED]:
        return f"doctor: {counted}; fix what FAILED, or jobs will fail too"
    if count[Mark.WARNING]:
        return f"doctor: {counted}; jobs can be submitted, but read the warnings"
    return f"doctor: {counted}; jobs can be submitted"
