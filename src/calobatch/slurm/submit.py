"""submit: run the head process, which is Snakemake itself, as a SLURM job.

For clusters that do not allow long processes on their login nodes.
"""

import os
import shlex
import subprocess
import sys
from pathlib import Path

from calobatch.config.scenario import Scenario
from calobatch.errors import UserError
from calobatch.slurm.geometry import NOTICE_SECONDS
from calobatch.slurm.sbatch import answer_of, sbatch, walltime
from calobatch.slurm.site import Site

JOB_NAME = "calobatch-submit"
# The environment variable in which a submitted head process finds the number of its job.
HEAD_JOB = "CALOBATCH_HEAD_JOB"
HEAD_MINUTES = 24 * 60
# Snakemake takes about 150 MB, and collect, which runs beside it, up to 1 GB.
HEAD_MB = 2000
# The head process submits jobs of its own, so it must not see the variables of the job that it
# runs in. SLURM sends USR1 shortly before the walltime, and the job requeues itself. Snakemake runs
# in the background, because bash runs a trap only while it waits with `wait`, not while a command
# runs in the foreground.
SCRIPT = """#!/usr/bin/env bash
export PATH={path} {head_job}=$SLURM_JOB_ID
for name in ${{!SLURM_@}}; do
    [ $name = SLURM_CONF ] || unset $name
done
trap 'scontrol requeue "${head_job}"' USR1
{snakemake} &
wait $!
"""


def submit(scenario: Scenario, overrides: str, site: Site) -> None:
    """Submit the head process of ``scenario``, and print its job and where its log is.

    Public files are fetched first, on this machine, because compute nodes often have no network.
    Raises a UserError if a head process of ``scenario`` was submitted before and has not ended, and
    a JobError if SLURM refuses the job.
    """
    snakemake = _snakemake(scenario.name, overrides)
    if running := _head_of(scenario.name, Path.cwd()):
        raise UserError(
            f"job {running} is already the head process of {scenario.name} in this folder; wait "
            f"until it ends, or cancel it with `scancel {running}`"
        )
    if any(dataset.source == "fetch" for dataset in scenario.datasets.values()):
        subprocess.run([*snakemake, "--until", "fetch"], check=True)
    log = Path("logs") / scenario.name / "submit.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    script = SCRIPT.format(
        path=shlex.quote(os.environ["PATH"]), snakemake=shlex.join(snakemake), head_job=HEAD_JOB
    )
    job = sbatch(script, _asked(scenario.name, site, log), site, "--requeue")
    print(
        f"submitted as job {job}; it keeps running when you log out\n"
        f"Log      {log}\n"
        f"Watch    squeue --me\n"
        f"Stop     scancel {job}"
    )


def _asked(scenario: str, site: Site, log: Path) -> dict[str, str]:
    """Return the options of the head process: one core, and one log for all restarts."""
    return {
        "job-name": JOB_NAME,
        "comment": scenario,
        "output": str(log),
        "open-mode": "append",
        "time": walltime(site, HEAD_MINUTES),
        # "B:" sends the signal to the batch shell, whose trap handles it, and not to the job's
        # steps.
        "signal": f"B:USR1@{NOTICE_SECONDS}",
        "mem": str(HEAD_MB),
    }


def _snakemake(scenario: str, overrides: str) -> list[str]:
    command = [str(Path(sys.executable).with_name("snakemake")), "--profile", "slurm"]
    return [*command, "--config", f"scenario={scenario}", *([f"set={overrides}"] * bool(overrides))]


def _head_of(scenario: str, folder: Path) -> str:
    """Return the job that is the head process of ``scenario``, or an empty text."""
    listed = answer_of(["squeue", "--me", "--noheader", f"--name={JOB_NAME}", "--format=%i|%k|%Z"])
    jobs = [line.split("|", maxsplit=2) for line in listed.splitlines()]
    wanted = [scenario, str(folder)]
    return next((job for job, *which in jobs if which == wanted), "")
