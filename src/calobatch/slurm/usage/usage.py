"""usage: what each job requested and used, and the smaller request that would be enough."""

from collections.abc import Sequence
from pathlib import Path

from calobatch.errors import UserError
from calobatch.run.files import RECORD_FILE
from calobatch.run.training import RunRecord
from calobatch.slurm.usage.edits import as_edits
from calobatch.slurm.usage.sacct import Job, ask_jobs, ask_sampling, submitted_from
from calobatch.slurm.usage.submit_line import WorkflowJob, read_submit_line
from calobatch.slurm.usage.suggest import TRAINING, suggest
from calobatch.slurm.usage.table import NOT_MEASURED, as_table
from calobatch.slurm.usage.used import FEWEST_SAMPLES, Measured, finished_by, measure

# Where jobs are looked for if the user gives no time.
RECENT = "now-30days"
# GPUs that compute for less than this fraction of the time are worth a remark.
BUSY = 0.5
# The order of the workflow.
RULES = (
    "fetch",
    "simulate",
    "pack",
    "propose",
    "trial",
    "choose",
    "train",
    "evaluate",
    "ensemble",
    "evaluate_ensemble",
    "export",
    "interpret",
    "collect",
    "report",
)


def find_jobs(
    folder: Path, default: str, scenario: str = "", since: str = ""
) -> list[tuple[WorkflowJob, Job]]:
    """Return the jobs of the newest run in ``folder``, or of all runs since ``since``.

    ``default`` is the scenario of a run that was started without naming one. With ``scenario``,
    only its jobs count. Raises a UserError if there are none, and what :func:`ask_jobs` raises.
    """
    found = [
        (workflow, job)
        for job in submitted_from(ask_jobs(since or RECENT), folder)
        if (workflow := read_submit_line(job.submit_line, default))
        and scenario in ("", workflow.scenario)
    ]
    if not found:
        what = f"job of the scenario {scenario}" if scenario else "job of the workflow"
        raise UserError(
            f"accounting knows no {what} that you submitted from {folder} since "
            f"{since or RECENT}; run `snakemake --profile slurm` first, or correct --scenario, or "
            "give an earlier time with --since"
        )
    newest = max((job for _, job in found), key=lambda job: job.submitted)
    if not since:
        found = [(workflow, job) for workflow, job in found if job.name == newest.name]
    return sorted(found, key=lambda pair: (*_place(pair[0].rule), pair[1].submitted))


def _place(rule: str) -> tuple[int, str]:
    return (RULES.index(rule) if rule in RULES else len(RULES), rule)


def measure_jobs(
    found: Sequence[tuple[WorkflowJob, Job]], sampling: float | None, results: Path
) -> list[Measured]:
    """Return what the jobs used; ``results`` is the folder that has one folder per scenario."""
    return [
        Measured(workflow, job, measure(job, sampling, _record(workflow, job, results)))
        for workflow, job in found
    ]


def _record(workflow: WorkflowJob, job: Job, results: Path) -> RunRecord | None:
    """Return the record of the training that the job finished, if the folder still has it."""
    if workflow.rule != TRAINING:
        return None
    named = workflow.wildcards
    # Jobs of version 0.2 and older have the seed alone.
    run = named.get("run") or f"seed{named.get('seed', '')}"
    path = results / workflow.scenario / named.get("task", "") / run / RECORD_FILE
    if not path.is_file():
        return None
    record = RunRecord.read(path)
    return record if finished_by(job, record) else None


def report(jobs: Sequence[Measured], sampling: float | None, mb_per_node: int = 0) -> str:
    """Return the table of the jobs, what was not measured and why, and the smaller requests."""
    by_rule: dict[str, list[Measured]] = {}
    for measured in jobs:
        by_rule.setdefault(measured.workflow.rule, []).append(measured)
    suggestions = [suggest(rule, listed, mb_per_node) for rule, listed in by_rule.items()]
    parts = [as_table(jobs), *_remarks(jobs, sampling), as_edits(suggestions)]
    return "\n\n".join(parts)


def _remarks(jobs: Sequence[Measured], sampling: float | None) -> list[str]:
    """Return why the table has question marks, and what to do about GPUs that had little to do."""
    remarks = []
    if any(measured.used.memory is None for measured in jobs):
        why = (
            "this cluster does not sample the memory of jobs (JobAcctGatherType, "
            "JobAcctGatherFrequency)"
            if sampling is None
            else f"this cluster samples memory every {sampling:g} s, so the memory of running "
            f"jobs, and of jobs shorter than {FEWEST_SAMPLES * sampling:g} s, is not known"
        )
        remarks.append(f"{NOT_MEASURED}: not measured; {why}.")
    if idle := _idle(jobs):
        task = idle.workflow.wildcards.get("task", "")
        remarks.append(
            f"The GPUs of {task} computed {idle.used.gpu_utilisation:.0%} of the time; `calobatch "
            f"plan {task} --scenario {idle.workflow.scenario}` predicts the speed with fewer."
        )
    return remarks


def _idle(jobs: Sequence[Measured]) -> Measured | None:
    """Return the training whose GPUs computed least, if that is less than half of the time."""
    known = [job for job in jobs if job.used.gpu_utilisation is not None]
    least = min(known, key=lambda job: job.used.gpu_utilisation or 0.0, default=None)
    return least if least and (least.used.gpu_utilisation or 0.0) < BUSY else None


def usage(
    folder: Path, default: str, scenario: str, since: str, mb_per_node: int
) -> tuple[str, list[Measured]]:
    """Return the report of the jobs that were submitted from ``folder``, and the jobs.

    The arguments are those of :func:`find_jobs`, and the memory of a node in the site file.
    """
    found = find_jobs(folder, default, scenario, since)
    sampling = ask_sampling()
    jobs = measure_jobs(found, sampling, folder / "results")
    return report(jobs, sampling, mb_per_node), jobs
