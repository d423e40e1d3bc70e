"""submit: run the head process, which is Snakemake itself, as a SLURM job.

For clusters that do not allow long processes on their login nodes.
"""

import os
import shlex
import subprocess
import sys
from pathlib import Path

from calobatch.config.models import Scenario
from calobatch.errors import JobError, UserError
from calobatch.slurm.geometry import NOTICE_SECONDS
from calobatch.slurm.site import Site

JOB_NAME = "calobatch-submit"
HEAD_MINUTES = 24 * 60
HEAD_MB = 4000
# SLURM sends USR1 shortly before the walltime, and the job requeues itself. When the job starts
# again, after that or after its node failed, the dead process's lock is still on the folder, so
# --unlock removes it. Snakemake runs in the background, because bash runs a trap only while it
# waits with `wait`, not while a command runs in the foreground.
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
    """Submit the head process of ``scenario``, and print its job and where its log is.

    Public files are fetched first, on this machine, because compute nodes often have no network.
    Raises a UserError if a head process already works in this folder, and a JobError if SLURM
    refuses the job.
    """
    snakemake = _snakemake(scenario.name, overrides)
    if running := _head_of(Path.cwd()):
        raise UserError(
            f"job {running} is already the head process of this folder; wait until it ends, or "
            f"cancel it with `scancel {running}`"
        )
    if any(dataset.source == "fetch" for dataset in scenario.datasets.values()):
        subprocess.run([*snakemake, "--until", "fetch"], check=True)
    log = Path("logs") / scenario.name / "submit.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    script = SCRIPT.format(path=shlex.quote(os.environ["PATH"]), snakemake=shlex.join(snakemake))
    # On a federation of clusters, sbatch --parsable prints "job;cluster".
    job = _slurm(sbatch_command(site, log), script).partition(";")[0]
    print(
        f"submitted as job {job}; it keeps running when you log out\n"
        f"Log      {log}\n"
        f"Watch    squeue --me\n"
        f"Stop     scancel {job}"
    )


def sbatch_command(site: Site, log: Path) -> list[str]:
    """Return the call that submits the head process: one core, and one log for all restarts."""
    asked = {
        "job-name": JOB_NAME,
        "output": str(log),
        "open-mode": "append",
        "time": str(HEAD_MINUTES),
        # "B:" sends the signal to the batch shell, whose trap handles it, and not to the job's
        # steps.
        "signal": f"B:USR1@{NOTICE_SECONDS}",
        "mem": str(HEAD_MB),
        "account": site.account,
        "partition": site.partition,
    }
    options = [f"--{name}={value}" for name, value in asked.items() if value]
    return ["sbatch", "--parsable", "--requeue", *options, *shlex.split(site.sbatch_options)]


def _snakemake(scenario: str, overrides: str) -> list[str]:
    command = [str(Path(sys.executable).with_name("snakemake")), "--profile", "slurm"]
    return [*command, "--config", f"scenario={scenario}", *([f"set={overrides}"] * bool(overrides))]


def _head_of(folder: Path) -> str:
    """Return the job that is the head process of ``folder``, or an empty text if there is none."""
    listed = _slurm(["squeue", "--me", "--noheader", f"--name={JOB_NAME}", "--format=%i %Z"])
    jobs = [line.split(maxsplit=1) for line in listed.splitlines()]
    return next((job for job, where in jobs if where == str(folder)), "")


def _slurm(command: list[str], text: str = "") -> str:
    """Run one of SLURM's programs with ``text`` as its input, and return what it printed."""
    try:
        answer = subprocess.run(command, input=text, capture_output=True, text=True, check=True)
    except FileNotFoundError:
        raise UserError(
            f"the program {command[0]} is not on this machine; log in to a node of the cluster "
            "that has SLURM"
        ) from None
    except subprocess.CalledProcessError as error:
        raise JobError(f"{command[0]} failed: {error.stderr.strip()}") from None
    return answer.stdout.strip()
