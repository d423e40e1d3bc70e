"""submit: the head process, Snakemake itself, as a job of SLURM, for sites that want it so."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

from calobatch.config.models import Scenario
from calobatch.errors import JobError, UserError
from calobatch.slurm.site import Site

JOB_NAME = "calobatch-submit"
MINUTES = 24 * 60
# A head that meets its walltime, or whose node fails, is put back into the queue; its lock on the
# folder is then a dead process's.
SCRIPT = """#!/usr/bin/env bash
export PATH={path}
trap 'scontrol requeue "$SLURM_JOB_ID"' USR1
if [ "${{SLURM_RESTART_COUNT:-0}}" -gt 0 ]; then
    {snakemake} --unlock
fi
{snakemake} &
wait $!
"""


def submit(scenario: Scenario, overrides: str, site: Site) -> None:
    """Submit the head process of ``scenario``; say its job and where its log is.

    Public files are fetched first, here: compute nodes often have no network. Raises a UserError
    if a head is at work in this folder already, and a JobError if SLURM takes no job.
    """
    snakemake = _snakemake(scenario.name, overrides)
    if running := _head_of(Path.cwd()):
        raise UserError(
            f"job {running} is the head of this folder already; wait for it, or `scancel {running}`"
        )
    if any(dataset.source == "fetch" for dataset in scenario.datasets.values()):
        subprocess.run([*snakemake, "--until", "fetch"], check=True)
    log = Path("logs") / scenario.name / "submit.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    script = SCRIPT.format(path=shlex.quote(os.environ["PATH"]), snakemake=shlex.join(snakemake))
    job = _slurm(sbatch_command(site, log), script).partition(";")[0]
    print(
        f"submitted as job {job}; it stays when you log out\n"
        f"Log      {log}\n"
        f"Watch    squeue --me\n"
        f"Stop     scancel {job}"
    )


def sbatch_command(site: Site, log: Path) -> list[str]:
    """Return the call that submits the head: one core, a long time, one log for all its lives."""
    asked = {
        "job-name": JOB_NAME,
        "output": str(log),
        "open-mode": "append",
        "time": str(MINUTES),
        "signal": "B:USR1@120",
        "mem": "4000",
        "account": site.account,
        "partition": site.partition,
    }
    options = [f"--{name}={value}" for name, value in asked.items() if value]
    return ["sbatch", "--parsable", "--requeue", *options, *shlex.split(site.sbatch_options)]


def _snakemake(scenario: str, overrides: str) -> list[str]:
    command = [str(Path(sys.executable).with_name("snakemake")), "--profile", "slurm"]
    return [*command, "--config", f"scenario={scenario}", *([f"set={overrides}"] * bool(overrides))]


def _head_of(folder: Path) -> str:
    """Return the job that is the head of ``folder``, if there is one."""
    listed = _slurm(["squeue", "--me", "--noheader", f"--name={JOB_NAME}", "--format=%i %Z"])
    jobs = [line.split(maxsplit=1) for line in listed.splitlines()]
    return next((job for job, where in jobs if where == str(folder)), "")


def _slurm(command: list[str], text: str = "") -> str:
    try:
        answer = subprocess.run(command, input=text, capture_output=True, text=True, check=True)
    except FileNotFoundError:
        raise UserError(
            f"there is no {command[0]} here; log in to a node of the cluster that has SLURM"
        ) from None
    except subprocess.CalledProcessError as error:
        raise JobError(f"{command[0]} failed: {error.stderr.strip()}") from None
    return answer.stdout.strip()
