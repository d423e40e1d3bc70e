"""Keep Snakemake's SLURM executor from forgetting jobs, and from waiting for jobs that have ended.

Version 2.8.0 of the plugin waits for ever in three cases, which are corrected here:

* sacct fails for some seconds: the plugin then forgets all its jobs.
* A job was cancelled: sacct says "CANCELLED by 1000", and the plugin only knows "CANCELLED".
* A job has left the queue, but accounting never learns how it ended: it was preempted and cannot be
  requeued, or the message was lost.

While SLURM's controller does not answer, the plugin also lets every submission fail at once, until
the job has no attempt left. Here, a submission waits for the controller.

The plugin sleeps between two queries about its jobs. Here, the end of a job ends the sleep.
"""

import asyncio
import pwd
import threading
import time
from collections.abc import AsyncIterator
from typing import Any

import snakemake_executor_plugin_slurm as plugin  # type: ignore[import-untyped]

from calobatch.slurm.absence import Absence
from calobatch.slurm.ask import TIMED_OUT, ask
from calobatch.slurm.ended import Ended

SECONDS_BETWEEN_QUESTIONS = 10.0
# After a job has reported its end, SLURM is asked no more often than this.
SECONDS_BETWEEN_QUICK_QUESTIONS = 4.0
# After a job has left the queue, accounting has this much time to list it as ended.
SECONDS_UNTIL_LOST = 600.0
ENDED = {"BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "ERROR", "FAILED", "OUT_OF_MEMORY",
         "TIMEOUT"}  # fmt: skip
# The plugin takes a job in this state as finished. Snakemake then looks for the job's files, and
# submits the job again if they do not exist.
UNKNOWN = "UNKNOWN"


class PatientExecutor(plugin.Executor):  # type: ignore[misc]
    """The executor of a head process. Snakemake makes a plain one, and :func:`adopt` changes it."""

    _accounting: Absence
    _controller: Absence
    _stopping: threading.Event
    # The jobs that are being checked now.
    _watched: list[Any]
    # Who cancelled a job, by job.
    _cancelled: dict[str, str]
    # When the queue was last checked, and the jobs that were not in it.
    _queue_seen: float
    _gone: set[str]
    _ended: Ended

    def run_job(self, job: Any) -> None:
        """Submit a job, but wait first until SLURM's controller answers."""
        while not self._stopping.is_set():
            ping = ask(["scontrol", "ping"])
            # Where scontrol is missing or forbidden, sbatch itself says what is wrong.
            is_away = " DOWN" in ping.output or ping.code == TIMED_OUT
            if " UP" in ping.output or not is_away:
                self._controller.ends()
                super().run_job(job)
                return
            self._controller.lasts(ping.complaint)
            self._stopping.wait(SECONDS_BETWEEN_QUESTIONS)

    async def sleep(self) -> None:
        """Sleep until the next question about the jobs is due, or one of them tells its end."""
        seconds = self.next_seconds_between_status_checks
        end = time.monotonic() + seconds
        await asyncio.sleep(min(SECONDS_BETWEEN_QUICK_QUESTIONS, seconds))
        while self.wait and time.monotonic() < end:
            if self._ended.any_of(job.external_jobid for job in list(self.active_jobs)):
                return
            await asyncio.sleep(1)

    async def check_active_jobs(self, active_jobs: list[Any]) -> AsyncIterator[Any]:
        """Report the jobs that have ended, and yield the others."""
        self._watched = active_jobs
        async for job in super().check_active_jobs(active_jobs):
            yield job
        self._watched = []

    def states(self, answer: dict[str, str] | None) -> dict[str, str]:
        """Return the job states that the plugin is to see; ``answer`` has those that sacct printed.

        If sacct failed (None), there are no states, and the plugin keeps all its jobs, except those
        that have left the queue.
        """
        if answer is None:
            self._accounting.lasts("sacct failed")
        else:
            self._accounting.ends()
        states = {}
        for job, state in (answer or {}).items():
            states[job], _, by = state.partition(" by ")
            if states[job] == "CANCELLED":
                self._cancelled[job] = by
        return states | dict.fromkeys(self._lost(states), UNKNOWN)

    def _lost(self, states: dict[str, str]) -> list[str]:
        """Return jobs that left the queue a while ago but are not listed as ended in accounting."""
        now = time.monotonic()
        unsettled = {job.external_jobid for job in self._watched} - {
            job for job, state in states.items() if state in ENDED
        }
        if not unsettled or now - self._queue_seen < SECONDS_UNTIL_LOST:
            return []
        queue = ask(
            ["squeue", "--noheader", "--states=all", "--format=%i", f"--name={self.run_uuid}"]
        )
        if queue.code:
            return []
        gone = unsettled - set(queue.output.split())
        lost = sorted(gone & self._gone)
        self._queue_seen, self._gone = now, gone
        for job in lost:
            self.logger.warning(
                f"calobatch: SLURM job {job} left the queue more than "
                f"{SECONDS_UNTIL_LOST / 60:.0f} minutes ago, and accounting lists it as "
                f"{states.get(job, 'unknown')}; it counts as ended, and its files decide "
                "whether it is submitted again"
            )
        return lost

    def report_job_error(self, job_info: Any, msg: str | None = None, **details: Any) -> None:
        """Report a job that failed. Snakemake does not repeat it if someone cancelled it."""
        job = job_info.external_jobid
        if job in self._cancelled:
            job_info.job.attempt = job_info.job.restart_times + 1
            msg = (
                f"{msg or ''} calobatch: job {job} was cancelled{_by(self._cancelled[job])} and is "
                "not submitted again; to run it, start the workflow again. "
            )
        super().report_job_error(job_info, msg=msg, **details)

    def cancel(self) -> None:
        """Cancel all jobs, also those that wait for the controller or are being looked at."""
        self._stopping.set()
        super().cancel()

    def shutdown(self) -> None:
        """End with the run."""
        super().shutdown()
        self._ended.forget()

    def cancel_jobs(self, active_jobs: list[Any]) -> None:
        """Cancel jobs. Those that are being looked at are not among ``active_jobs``."""
        super().cancel_jobs([*active_jobs, *self._watched])


def adopt(executor: Any) -> None:
    """Give the executor of this head process patience. Must be called before it submits a job."""
    executor.__class__ = PatientExecutor
    executor._accounting = Absence(
        "SLURM's accounting", "jobs keep running, and it is asked again", executor.logger
    )
    executor._controller = Absence(
        "SLURM's controller", "jobs wait to be submitted", executor.logger
    )
    executor._stopping = threading.Event()
    executor._watched, executor._cancelled = [], {}
    executor._queue_seen, executor._gone = time.monotonic(), set()
    executor._ended = Ended()

    query = plugin.query_job_status

    async def query_patiently(command: str, logger: Any) -> tuple[dict[str, str], float]:
        states, seconds = await query(command, logger)
        return executor.states(states), seconds or 0.0

    plugin.query_job_status = query_patiently
    # sbatch refuses a wrong account itself. The plugin would ask accounting before every job, and
    # let the job fail while accounting does not answer.
    plugin.validate_account = lambda account, logger: account


def _by(user_id: str) -> str:
    """Return " by NAME" for a user's number, or an empty text if there is none."""
    if not user_id.isdigit():
        return ""
    try:
        return f" by {pwd.getpwuid(int(user_id)).pw_name}"
    except KeyError:
        return f" by the user with the number {user_id}"
