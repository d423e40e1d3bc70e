"""doctor: look at all that a cluster run needs, before a GPU hour is queued."""

import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import NamedTuple

from calobatch.config.models import Scenario
from calobatch.slurm.checks import compute_node, environment, fit, ranks, scheduler, storage
from calobatch.slurm.checks.case import Case
from calobatch.slurm.checks.finding import Finding, Mark, skipped


class Check(NamedTuple):
    """A check, its name, and the names of those without which it cannot be made."""

    name: str
    look: Callable[[Case], Finding]
    needs: tuple[str, ...] = ()


CHECKS = (
    Check("site file", environment.site_file),
    Check("largest training", environment.request, ("site file",)),
    Check("SLURM", scheduler.slurm_answers),
    Check("accounting", scheduler.accounting, ("SLURM",)),
    Check("account", scheduler.account, ("site file", "accounting")),
    Check("partitions", fit.partitions_exist, ("largest training", "SLURM")),
    Check("nodes", fit.nodes_fit, ("partitions",)),
    Check("time limit", fit.time_limit, ("partitions",)),
    Check("sbatch", fit.accepted, ("account", "nodes")),
    Check("images", environment.images_there, ("site file",)),
    Check("project folder", storage.project_folder),
    Check("room", storage.room),
    Check("quota", storage.quota),
    Check("compute node", compute_node.compute_node, ("partitions", "account", "project folder")),
    Check("shared folder", compute_node.shared_folder, ("compute node",)),
    Check("file locks", compute_node.file_locks, ("shared folder",)),
    Check("Apptainer", compute_node.apptainer, ("compute node",)),
    Check("image mount", compute_node.image_mounts, ("images", "Apptainer")),
    Check("GPUs in image", compute_node.gpus_in_image, ("image mount",)),
    Check("ranks", ranks.ranks_talk, ("nodes", "image mount")),
)
WIDTH = max(len(check.name) for check in CHECKS)


def doctor(scenario: Scenario, patience: float, checks: Sequence[Check] = CHECKS) -> bool:
    """Make all checks, print each as it ends, and return whether none failed.

    Whatever ends it, no job and no file of it is left.
    """
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
    """Yield what each check found, and print it; those that cannot be made are skipped."""
    missing: dict[str, str] = {}  # the reason why a check is one that others miss
    for check in checks:
        _announce(check.name)
        reasons = [missing[name] for name in check.needs if name in missing]
        finding = skipped(f"because of {reasons[0]}") if reasons else check.look(case)
        if not finding.suffices:
            missing[check.name] = reasons[0] if reasons else f"{check.name} ({finding.mark})"
        print("\n".join(lines(check.name, finding)), flush=True)
        yield finding


def _announce(name: str) -> None:
    """Show in a terminal what is being looked at; the check's line takes its place."""
    if sys.stdout.isatty():
        print(f"{'...':8} {name:{WIDTH}}", end="\r", flush=True)


def lines(name: str, finding: Finding) -> list[str]:
    """Return the lines for a check: what, result, and the mend if there is one."""
    first = f"{finding.mark:8} {name:{WIDTH}}  {finding.result}"
    return [first, f"{'':8} {'':{WIDTH}}  -> {finding.mend}"] if finding.mend else [first]


def summary(findings: Sequence[Finding]) -> str:
    """Return what it all comes to."""
    count = Counter(finding.mark for finding in findings)
    counted = ", ".join(f"{count[mark]} {mark}" for mark in Mark if count[mark])
    if count[Mark.FAILED]:
        return f"doctor: {counted}; mend what FAILED, jobs would fail too"
    if count[Mark.WARNING]:
        return f"doctor: {counted}; nothing failed, mind the warnings"
    return f"doctor: {counted}; jobs can be submitted"
