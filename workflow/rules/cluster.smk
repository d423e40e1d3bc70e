# Where jobs run. On this machine, commands start directly; on a cluster, inside an image.

import signal
import sys
from pathlib import Path

from calobatch.run.trials import trained_with
from calobatch.workflow import failures, head
from calobatch.workflow.at_end import Outcome, tell_command
from calobatch.workflow.earlier_runs import keep_earlier_runs
from calobatch.workflow.last_changes import note_changes
from calobatch.workflow.results import end_of_success
from calobatch.tracking.ask import require_tracking_store
from calobatch.workflow.tried_models import require_sound_models
from calobatch.workflow.variables import tell_variables

JOBS = jobs.Jobs(SETUP, on_cluster=lambda: on_cluster())

if workflow.remote_exec:
    # This is Snakemake inside a job. SLURM signals all processes of a job step, but only the
    # training should act on the signal, by writing a checkpoint.
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


shell.prefix(jobs.shell_prefix(SETUP.site, in_slurm=workflow.remote_exec))


def on_cluster():
    """Return whether SLURM runs the jobs: this process submits them, or is one of them."""
    if workflow.dryrun:
        # A dry run does not know its executor, but only the profile of a cluster limits `jobs`.
        return workflow.resource_settings.nodes is not None
    return workflow.remote_exec or workflow.non_local_exec


def unfinished_runs(*rules):
    """Return the folders of the runs for which a job of these rules still has to be done."""
    jobs_left = [job for job in workflow.dag.needrun_jobs() if job.rule.name in rules]
    return {Path(RUN.format(task=job.wildcards.task, run=job.wildcards.run)) for job in jobs_left}


def end(outcome, told):
    """Say in a few lines how the run has ended, also to the user's own command."""
    for line in told:
        print(f"calobatch: {line}", file=sys.stderr)
    tell_command(outcome, SCENARIO.name, "\n".join(told))


onstart:
    with exiting():
        if on_cluster():
            head.require_site_and_images(SETUP.site)
            datasets.require_visible_files(SETUP, Path.cwd())
        # Snakemake also runs inside every job, for which the head process has begun already.
        if workflow.is_main_process:
            tell_variables()
            head.require_command()
            if on_cluster():
                head.begin_on_cluster(SCENARIO.name, workflow.scheduler._executor)
            else:
                head.begin_here(SCENARIO.name)
            note_changes(SCENARIO.name, changes_in(config))
            require_tracking_store(TRACKING_URI)
            require_sound_models(SCENARIO, JOBS.start_here("train").split())
            keep_earlier_runs(
                unfinished_runs("train"),
                {name: trained_with(SCENARIO, name, Path(RESULTS)) for name in SCENARIO.tasks},
            )


onsuccess:
    # Not inside a job, and not if the user asked for a part of the workflow.
    if workflow.is_main_process and any(job.rule.name == "all" for job in workflow.dag.jobs):
        end(Outcome.FINISHED, [end_of_success(SCENARIO)])


onerror:
    # Not inside a job. `log` has the logs of Snakemake itself.
    if workflow.is_main_process:
        with exiting():
            end(
                *failures.end_of_run(
                    log,
                    SCENARIO,
                    STORES,
                    unfinished_runs("train", "evaluate", "export"),
                    JOBS.start_here("train").split(),
                )
            )
