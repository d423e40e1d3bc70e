"""What the head process does before it starts its first job.

The head process is the Snakemake that starts and watches all jobs.
"""

import os
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

from calobatch.errors import UserError
from calobatch.provenance import hand_down_commit
from calobatch.slurm.ask import asking_for_all
from calobatch.slurm.folder import require_usable_folder
from calobatch.slurm.images import NAMES, require_image
from calobatch.slurm.orphans import end_orphans
from calobatch.slurm.site import Site, read_site
from calobatch.workflow.heads import claim, known
from calobatch.workflow.orphans import end_orphans_here


def require_site_and_images(site: Site) -> None:
    """Raise UserError if there is no site file, or an image is missing."""
    read_site()
    for image in NAMES:
        require_image(site.images, image, site.variant)


def require_command() -> None:
    """Raise UserError if the shell that starts jobs would not find the program calobatch."""
    if shutil.which("calobatch") is None:
        raise UserError(
            "the program calobatch is not on PATH, so no job could start; activate the environment "
            f"first: source {Path(sys.executable).with_name('activate')}"
        )


def take_hangup_for_interrupt() -> None:
    """End as after Ctrl-C if the terminal is closed, unless the user started this with `nohup`.

    By default, a hangup kills the head process and leaves its jobs running.
    """
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signal.signal(signal.SIGHUP, lambda *_: os.kill(os.getpid(), signal.SIGINT))


def begin_here(scenario: str) -> None:
    """Begin as a head process whose jobs run on this machine.

    Raises a UserError if another head process works on ``scenario``, and a JobError if a process
    that a killed head process left behind does not end.
    """
    take_hangup_for_interrupt()
    claim(scenario)
    end_orphans_here(Path.cwd(), scenario)


def begin_on_cluster(scenario: str, executor: Any) -> None:
    """Begin as a head process whose jobs ``executor``, Snakemake's SLURM plugin, submits.

    Raises a UserError if jobs cannot run in this folder or another head process works on
    ``scenario``, and a JobError if SLURM does not answer, or if a job that a killed head process
    left behind does not end.
    """
    # Only a head process has the plugin, so it is not imported at the top.
    from calobatch.slurm.patient import adopt

    require_usable_folder(Path.cwd())
    # What hides jobs from the user must not hide them from Snakemake's SLURM plugin.
    for name in set(os.environ) - set(asking_for_all(os.environ)):
        del os.environ[name]
    take_hangup_for_interrupt()
    claim(scenario, executor.run_uuid)
    end_orphans(Path.cwd(), {head.run for head in known() if head.scenario != scenario})
    # fetch and collect run here.
    end_orphans_here(Path.cwd(), scenario)
    hand_down_commit()
    adopt(executor)
    seconds = executor.workflow.executor_settings.init_seconds_before_status_checks
    print(
        f"calobatch: SLURM is asked for the state of the jobs every {seconds} s at first, every 3 "
        "minutes later, and soon after each job ends; it is normal that nothing is printed for a "
        "while, and a job whose node died is noticed up to 3 minutes later; `squeue --me` shows "
        "the jobs at once",
        file=sys.stderr,
    )
