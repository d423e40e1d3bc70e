"""Short lines for Snakemake's records."""

import logging
import re
import time
from collections.abc import Callable, Mapping

from snakemake_interface_logger_plugins.common import LogEvent

# What Snakemake says in every run. Everything else is shown, whatever it is.
IN_EVERY_RUN = re.compile(
    r"Using .*profile|Building DAG of jobs|Assuming unrestricted shared filesystem|Using shell: "
    r"|host: |Select jobs to execute|Removing (temporary|output files of failed)|Elapsed time: "
    r"|Singularity containers: ignored|Touching output file"
    r"|(WorkflowError:\n)?At least one job did not complete successfully"
    r"|Exiting because a job execution failed"
)
# Snakemake prints the whole command of a failed job, whose log says more. Only its exit status, by
# the name of that log, is kept for the line of the job.
FAILED_COMMAND = re.compile(
    r"RuleException:\nCalledProcessError .*\| into_log (\S+)' returned non-zero exit status (\d+)",
    re.DOTALL,
)
ENDED_BY_USER = "Terminating processes on user request"
AGAIN = re.compile(r"Trying to restart job (\d+)\.")
HIDDEN_RULE = "all"


class JobLines(logging.Formatter):
    """Turns a record into one line, or into an empty text if it is not shown."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self.now = now
        self.start = now()
        # By Snakemake's number of a job.
        self.names: dict[int, str] = {}
        self.started: dict[int, float] = {}
        self.failed: set[int] = set()
        self.status: dict[str, str] = {}
        self.ended_by_user = False
        # Jobs that have ended and are not yet told, with the time that they took.
        self.ended: list[tuple[str, str]] = []
        # How many of the jobs are not shown, because they only name what a run makes.
        self.hidden = 0
        self.by_event: dict[str, Callable[[logging.LogRecord], str]] = {
            LogEvent.RUN_INFO: self._run_info,
            LogEvent.JOB_INFO: self._job_info,
            LogEvent.JOB_FINISHED: self._job_finished,
            LogEvent.PROGRESS: self._progress,
            LogEvent.JOB_ERROR: self._job_error,
            LogEvent.SHELLCMD: lambda record: getattr(record, "cmd", "") or record.getMessage(),
        }
        # Snakemake sends the graph of the rules, without a text, if another logger wants it.
        hidden = ("WORKFLOW_STARTED", "RESOURCES_INFO", "JOB_STARTED", "GROUP_INFO", "RULEGRAPH")
        for event in hidden:
            self.by_event[LogEvent[event]] = lambda record: ""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line for a record."""
        of_event = self.by_event.get(getattr(record, "event", None) or "")
        if of_event:
            return of_event(record)
        text = str(record.msg or "")
        if again := AGAIN.fullmatch(text):
            return self._line("again", self.names[int(again[1])])
        if command := FAILED_COMMAND.match(text):
            self.status[command[1]] = command[2]
            return ""
        if text.startswith(ENDED_BY_USER):
            self.ended_by_user = True
            return self._line("ending", "all jobs, which may take a while; please wait")
        return "" if IN_EVERY_RUN.match(text) else text

    def _line(self, what: str, text: str) -> str:
        return f"{time.strftime('%H:%M:%S')}  {what:6}  {text}"

    def _run_info(self, record: logging.LogRecord) -> str:
        counts: Mapping[str, int] = vars(record)["stats"]
        self.hidden = counts.get(HIDDEN_RULE, 0)
        jobs = {rule: n for rule, n in counts.items() if rule not in (HIDDEN_RULE, "total")}
        return f"{sum(jobs.values())} jobs: " + ", ".join(f"{n} {rule}" for rule, n in jobs.items())

    def _job_info(self, record: logging.LogRecord) -> str:
        told = vars(record)
        job, rule = told["jobid"], told["rule_name"]
        self.names[job] = " ".join([rule, *map(str, (told["wildcards"] or {}).values())])
        self.started[job] = self.now()
        self.failed.discard(job)
        return "" if rule == HIDDEN_RULE else self._line("start", self.names[job])

    def _job_finished(self, record: logging.LogRecord) -> str:
        job = vars(record)["job_id"]
        took = _in_words(self.now() - self.started.get(job, self.start))
        if self.names.get(job) != HIDDEN_RULE:
            self.ended.append((self.names.get(job, f"job {job}"), took))
        return ""

    def _progress(self, record: logging.LogRecord) -> str:
        """Name the jobs that have ended, and count them. Each record before told of one of them."""
        done, total = vars(record)["done"], vars(record)["total"] - self.hidden
        so_far = f"{done} of {total} jobs in {_in_words(self.now() - self.start)}"
        ended, self.ended = self.ended, []
        return "\n".join(self._line("done", f"{name}, {took} ({so_far})") for name, took in ended)

    def _job_error(self, record: logging.LogRecord) -> str:
        told = vars(record)
        job = told["jobid"]
        # Snakemake tells of the same failure again at the end of the run.
        if job in self.failed:
            return ""
        self.failed.add(job)
        name = self.names.get(job, told["rule_name"])
        if self.ended_by_user:
            return self._line("ended", name)
        # What the executor says, for example that the user has cancelled the SLURM job.
        why = f": {told['rule_msg']}" if told.get("rule_msg") else ""
        why += "".join(
            f", exit status {self.status.pop(log)}" for log in told["log"] if log in self.status
        )
        logs = f"; its log is {', '.join(told['log'])}" if told["log"] else ""
        return self._line("FAILED", f"{name}{why}{logs}")


def _in_words(seconds: float) -> str:
    # Not imported before the Snakefile is read: that decides from which folder calobatch comes.
    from calobatch.words import in_words

    return in_words(seconds)
