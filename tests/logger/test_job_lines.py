"""What a run shows on the terminal."""

import logging

import pytest
from snakemake_interface_logger_plugins.common import LogEvent

from snakemake_logger_plugin_calobatch.job_lines import JobLines


class Clock:
    """A clock that tests set."""

    seconds = 0.0

    def __call__(self):
        return self.seconds


@pytest.fixture
def clock():
    """A clock at zero."""
    return Clock()


@pytest.fixture
def told(clock):
    """A function that tells of an event, and returns what is shown, without the time of day."""
    lines = JobLines(clock)
    shown(lines, LogEvent.RUN_INFO, stats={"pack": 1, "train": 2, "all": 1, "total": 4})
    return lambda event=None, text=None, **fields: shown(lines, event, text, **fields)


def shown(lines, event=None, text=None, **fields):
    record = logging.LogRecord("snakemake", logging.INFO, "", 0, text, (), None)
    vars(record).update({"event": event} if event else {}, **fields)
    return "\n".join(line.split("  ", 1)[-1] for line in lines.format(record).splitlines())


def start(told, job, rule, **wildcards):
    return told(LogEvent.JOB_INFO, jobid=job, rule_name=rule, wildcards=wildcards)


def test_the_first_line_counts_the_jobs_of_each_rule():
    lines = JobLines()
    stats = {"pack": 1, "train": 2, "all": 1, "total": 4}
    assert shown(lines, LogEvent.RUN_INFO, stats=stats) == "3 jobs: 1 pack, 2 train"


def test_the_graph_of_the_rules_that_another_logger_wants_is_not_shown(told):
    # Snakemake's queue of records has turned its missing text into this word.
    assert told(LogEvent.RULEGRAPH, "None") == ""


def test_a_job_has_a_line_when_it_starts_and_one_with_its_time_when_it_ends(told, clock):
    assert start(told, 5, "train", task="cnn", run="seed1") == "start   train cnn seed1"
    clock.seconds = 75
    assert told(LogEvent.JOB_FINISHED, job_id=5) == ""
    end = told(LogEvent.PROGRESS, done=2, total=4)
    assert end == "done    train cnn seed1, 1 min 15 s (2 of 3 jobs in 1 min 15 s)"


def test_each_job_of_a_group_has_its_line(told):
    start(told, 1, "evaluate", task="cnn")
    start(told, 2, "export", task="cnn")
    told(LogEvent.JOB_FINISHED, job_id=1)
    told(LogEvent.JOB_FINISHED, job_id=2)
    end = told(LogEvent.PROGRESS, done=2, total=4)
    assert [line.split(",")[0] for line in end.splitlines()] == [
        "done    evaluate cnn",
        "done    export cnn",
    ]


def test_the_rule_that_only_names_what_a_run_makes_is_not_shown(told):
    assert start(told, 0, "all") == ""
    told(LogEvent.JOB_FINISHED, job_id=0)
    assert told(LogEvent.PROGRESS, done=4, total=4) == ""


COMMAND = (
    "RuleException:\nCalledProcessError in file 'workflow/rules/train.smk', line 28:\nCommand 'set "
    "-e; calobatch train \n 2>&1 | into_log {log}' returned non-zero exit status {status}."
)


def test_of_a_failed_command_only_the_exit_status_is_shown_with_its_own_job(told):
    for job, task in ((5, "cnn"), (6, "vit")):
        start(told, job, "train", task=task)
    assert told(text=COMMAND.format(log="logs/vit.log", status=137)) == ""
    for job, task, status in ((5, "cnn", ""), (6, "vit", ", exit status 137")):
        line = told(LogEvent.JOB_ERROR, jobid=job, rule_name="train", log=[f"logs/{task}.log"])
        assert line == f"FAILED  train {task}{status}; its log is logs/{task}.log"


def test_jobs_that_the_user_ends_have_not_failed(told):
    start(told, 5, "train", task="cnn")
    ending = told(text="Terminating processes on user request, this might take some time.")
    assert ending.startswith("ending  all jobs")
    assert told(text=COMMAND.format(log="logs/cnn.log", status=130)) == ""
    error = {"jobid": 5, "rule_name": "train", "log": ["logs/cnn.log"]}
    assert told(LogEvent.JOB_ERROR, **error) == "ended   train cnn"
    assert told(text="WorkflowError:\nAt least one job did not complete successfully.") == ""


def test_a_failure_is_told_once_for_each_try(told):
    start(told, 5, "train", task="cnn")
    error = {"jobid": 5, "rule_name": "train", "log": ["logs/train/cnn.log"]}
    failed = "FAILED  train cnn; its log is logs/train/cnn.log"
    assert told(LogEvent.JOB_ERROR, **error) == failed
    assert told(LogEvent.JOB_ERROR, **error) == ""
    assert told(text="Trying to restart job 5.") == "again   train cnn"
    start(told, 5, "train", task="cnn")
    assert told(LogEvent.JOB_ERROR, **error) == failed


def test_what_the_executor_says_of_a_failure_is_shown(told):
    start(told, 5, "train", task="cnn")
    said = "job 7 was cancelled by anna"
    error = {"jobid": 5, "rule_name": "train", "log": [], "rule_msg": said}
    assert told(LogEvent.JOB_ERROR, **error) == f"FAILED  train cnn: {said}"


@pytest.mark.parametrize(
    "text",
    [
        "Nothing to be done (all requested files are present and up to date).",
        "Job 5 has been submitted with SLURM jobid 7 (log: x.log).",
        "Some message that nobody foresaw.",
    ],
)
def test_everything_else_is_shown_as_it_is(told, text):
    assert told(text=text) == text


def test_what_snakemake_says_in_every_run_is_not_shown(told):
    assert told(text="Building DAG of jobs...") == told(text="Select jobs to execute...") == ""
