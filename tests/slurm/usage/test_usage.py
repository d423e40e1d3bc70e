"""What jobs requested and used; sacct.txt is what sacct of SLURM 26.05 printed on the testbed."""

import csv
import os
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from calobatch.errors import JobError, UserError
from calobatch.run.training import RunRecord
from calobatch.slurm.usage.edits import as_edits
from calobatch.slurm.usage.sacct import Job, Run, read_jobs, read_sampling, read_seconds
from calobatch.slurm.usage.submit_line import WorkflowJob, read_submit_line
from calobatch.slurm.usage.suggest import Suggestion, suggest
from calobatch.slurm.usage.table import as_table, write_csv
from calobatch.slurm.usage.usage import find_jobs, measure_jobs, report, usage
from calobatch.slurm.usage.used import Measured, Used, finished_by, measure
from tests.checkout import CHECKOUT, Workflow

PRINTED = Path(__file__).with_name("sacct.txt").read_text()
JOBS = {job.id: job for job in read_jobs(PRINTED)}
SAMPLING = 5.0  # seconds, on the testbed
# As Snakemake's SLURM plugin 2.8.0 submits a job, without the options that nothing here reads.
LINE = (
    "sbatch --parsable --job-name 8d85b7dd --comment rule_train_wildcards_electron_photon_cnn_1 "
    "-p normal -t 10 -D /home/alice/calobatch --wrap=/home/alice/calobatch/.venv/bin/python -m "
    "snakemake --snakefile '/home/alice/calobatch/Snakefile' --target-jobs "
    "'train:task=electron_photon_cnn,run=seed1' --allowed-rules train --cores 'all' --attempt 2 "
    "--force-use-threads --config 'scenario=config/mine.yaml' 'set=seeds=[1] tasks.a.epochs=2' "
    "--latency-wait 5 --mode 'remote'"
)


def test_the_submit_line_says_which_job_of_the_workflow_it_is():
    expected = {"task": "electron_photon_cnn", "run": "seed1"}
    assert read_submit_line(LINE, "quickstart") == WorkflowJob("train", expected, "mine", 2)


def test_without_a_scenario_the_job_belongs_to_the_default_one():
    line = LINE.replace("--config 'scenario=config/mine.yaml' 'set=", "--config 'set=")
    assert read_submit_line(line, "quickstart").scenario == "quickstart"
    assert read_submit_line(line + " --other scenario=no", "quickstart").scenario == "quickstart"


def test_a_rule_without_wildcards_is_found():
    line = "sbatch --wrap=python -m snakemake --target-jobs 'report:' --attempt 1 --config x=y"
    assert read_submit_line(line, "quickstart") == WorkflowJob("report", {}, "quickstart", 1)


def test_other_jobs_are_no_jobs_of_the_workflow():
    assert read_submit_line("sbatch --parsable --job-name notebook --wrap jupyter lab", "a") is None


def test_submit_lines_may_contain_line_breaks():
    assert sorted(JOBS, key=int) == ["1", "2", "3", "4", "5", "6", "7"]
    assert "\nwhile time" in JOBS["1"].submit_line


def test_a_job_has_what_it_requested_on_all_nodes():
    job = JOBS["1"]
    assert (job.nodes, job.cpus, job.memory, job.minutes, job.gpus) == (2, 4, 4000, 60, 0)
    assert JOBS["6"].gpus == 1
    assert JOBS["7"].memory == 500, "a job that never started has nothing allocated"


def test_a_requeued_job_has_several_runs_in_their_order():
    assert [run.state for run in JOBS["6"].runs] == ["REQUEUED", "COMPLETED"]
    assert measure(JOBS["6"], SAMPLING).seconds == 30 + 19


@pytest.mark.parametrize(
    ("job", "state"), [("2", "OUT_OF_MEMORY"), ("4", "TIMEOUT"), ("7", "CANCELLED")]
)
def test_the_state_says_why_a_job_ended(job, state):
    """SLURM itself calls job 2 FAILED, because only its step ran out of memory."""
    assert JOBS[job].runs[-1].state == state


def test_memory_per_node_is_that_of_all_its_tasks_and_of_the_batch_script():
    # Each of the 4 tasks on 2 nodes allocated 300 MB of 1,000,000 bytes.
    used = measure(JOBS["1"], SAMPLING)
    assert 2 * 300 * 1e6 / 1024**2 < used.memory < 2 * 330 * 1e6 / 1024**2
    assert used.ranks == 4


def test_a_job_too_short_for_samples_was_not_measured():
    assert JOBS["5"].runs[0].steps[0].task_memory, "although SLURM has a number"
    assert measure(JOBS["5"], SAMPLING).memory is None
    assert measure(JOBS["3"], 30).memory is None
    assert measure(JOBS["3"], None).memory is None


def test_times_are_read():
    run = JOBS["1"].runs[0]
    assert run.end - run.start == run.seconds == 38
    assert JOBS["7"].runs[0].start is None


def test_a_running_job_is_not_measured():
    run = JOBS["3"].runs[0]._replace(state="RUNNING", end=None)
    used = measure(JOBS["3"]._replace(runs=(run,)), SAMPLING)
    assert (used.seconds, used.cores, used.memory) == (34, None, None)


def test_processor_time_that_was_lost_with_a_node_is_not_zero():
    lost = JOBS["3"].runs[0]._replace(state="NODE_FAIL", cpu_seconds=0.0, steps=())
    whole = JOBS["3"].runs[0]
    assert measure(JOBS["3"]._replace(runs=(lost,)), SAMPLING).cores is None
    both = measure(JOBS["3"]._replace(runs=(lost, whole)), SAMPLING)
    assert both.cores == measure(JOBS["3"], SAMPLING).cores


def test_a_job_that_ran_out_of_memory_used_all_that_it_had():
    assert measure(JOBS["2"], SAMPLING).memory == 200


def test_a_job_that_never_ran_used_nothing():
    used = measure(JOBS["7"], SAMPLING)
    assert (used.seconds, used.cores, used.memory) == (0, None, None)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("00:07.482", 7.482), ("02:03:04", 7384), ("1-02:03:04", 93784), ("", 0)],
)
def test_times_of_processors_are_read(text, seconds):
    assert read_seconds(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("config", "seconds"),
    [
        ("JobAcctGatherFrequency  = 5\nJobAcctGatherType       = jobacct_gather/linux", 5),
        ("JobAcctGatherFrequency = energy=9,task=15\nJobAcctGatherType = jobacct_gather/linux", 15),
        ("JobAcctGatherFrequency  = 30\nJobAcctGatherType       = jobacct_gather/none", None),
        ("JobAcctGatherFrequency  = 30\nJobAcctGatherType       = (null)", None),
        ("JobAcctGatherFrequency  = 0\nJobAcctGatherType       = jobacct_gather/linux", None),
        ("", 30),
    ],
)  # fmt: skip
def test_the_cluster_says_how_often_it_samples_memory(config, seconds):
    assert read_sampling(config) == seconds


@pytest.fixture
def record():
    return RunRecord.read(CHECKOUT / "tests" / "data" / "kept" / "run" / "run.json")


def job_of(measured_end, state="COMPLETED"):
    run = Run(state, 9.0, 1.0, measured_end - 9.0, measured_end, ())
    return JOBS["5"]._replace(runs=(run,))


def test_a_record_belongs_to_the_job_that_finished_the_training(record):
    assert finished_by(job_of(record.finished), record)
    assert not finished_by(job_of(record.finished, "FAILED"), record)
    assert not finished_by(job_of(record.finished - 3600), record)
    assert not finished_by(job_of(record.finished + 3600), record)


def test_the_record_of_a_training_has_its_memory_and_its_gpus(record):
    gpus = {"gpu_utilisation": 0.25, "gpu_energy_joules": 7200.0, "gpu_peak_memory_mb": 900.0}
    throughput = record.throughput.model_copy(update=gpus | {"peak_memory_mb": 1024**2 / 1e6 * 300})
    measured = record.model_copy(update={"throughput": throughput, "ranks": 2})
    used = measure(JOBS["3"], SAMPLING, measured)
    batch = JOBS["3"].runs[0].steps[0].task_memory
    assert used.memory == pytest.approx(batch + 2 * 300), "more than the samples have"
    assert measure(JOBS["5"], SAMPLING, measured).memory is None, "the batch script is not known"
    assert (used.gpu_utilisation, used.gpu_joules, used.gpu_memory) == (0.25, 7200, 900)


# Jobs of a rule, as they may be: what the first attempt requests per core, and what was used.
SHAPES = st.tuples(st.integers(1, 3), st.integers(1, 4), st.integers(1, 8))  # nodes, ranks, cores
FRACTIONS = st.floats(0, 1)


@st.composite
def jobs_of_a_rule(draw):
    minutes, memory = draw(st.integers(1, 3000)), draw(st.integers(1, 8000))
    jobs = []
    for number in range(draw(st.integers(1, 4))):
        nodes, ranks, cores = draw(SHAPES)
        attempt = draw(st.integers(1, 3))
        cpus = nodes * ranks * cores
        job = Job(str(number), "run", "/", "", 0.0, minutes * attempt, nodes, cpus,
                  float(memory * attempt * cpus), 0, ())  # fmt: skip
        state = draw(st.sampled_from(["COMPLETED", "FAILED", "TIMEOUT", "OUT_OF_MEMORY"]))
        used = Used(
            seconds=60 * job.minutes * draw(FRACTIONS),
            cores=draw(st.none() | FRACTIONS.map(lambda part, cpus=cpus: part * cpus)),
            memory=draw(
                st.none()
                | FRACTIONS.map(lambda part, job=job: part * job.memory / job.nodes or None)
            ),
            ranks=nodes * ranks,
        )
        run = Run(state, used.seconds, 0.0, None, None, ())
        jobs.append(
            Measured(WorkflowJob("pack", {}, "a", attempt), job._replace(runs=(run,)), used)
        )
    return jobs


@given(jobs_of_a_rule())
def test_a_suggestion_is_never_more_than_the_request_and_never_less_than_the_use(jobs):
    found = suggest("pack", jobs)
    for measured in jobs:
        job, used = measured.job, measured.used
        attempt = measured.workflow.attempt
        if found.minutes is not None:
            assert used.seconds / 60 < found.minutes < job.minutes / attempt
        if found.cores is not None:
            assert (used.cores or 0) / used.ranks <= found.cores < job.cpus / used.ranks
            assert found.mb_per_core is not None
        if found.mb_per_core is not None:
            cores = used.ranks * found.cores if found.cores else job.cpus
            together = cores * found.mb_per_core
            assert (used.memory or 0) * job.nodes <= together * (1 + 1e-9)
            assert together <= job.memory / attempt


def test_nothing_is_suggested_before_a_job_has_completed():
    found = find_and_measure()
    evaluate = [measured for measured in found if measured.workflow.rule == "evaluate"]
    assert suggest("evaluate", evaluate) == Suggestion("evaluate")


def test_with_fewer_cores_the_walltime_leaves_time_for_the_same_work():
    """A job on 8 cores that computes on 1.5 of them takes at most 4 times as long on 2."""
    job = JOBS["3"]._replace(cpus=8, minutes=600.0, memory=16000.0)
    measured = Measured(WorkflowJob("pack", {}, "a", 1), job, Used(3600.0, 1.5, 4000.0))
    found = suggest("pack", [measured])
    assert found.cores == 2
    assert 4 * 60 <= found.minutes < 600
    assert 4000 <= found.cores * found.mb_per_core <= 16000
    short = measured._replace(job=job._replace(minutes=120.0))
    assert suggest("pack", [short]).cores is None


def test_threads_of_a_training_are_kept():
    measured = Measured(
        WorkflowJob("train", {}, "a", 1), JOBS["3"], Used(9.0, 0.1, 100.0, ranks=1, threads=2)
    )
    assert suggest("train", [measured]).cores is None


def test_edits_are_lines_of_the_two_files_that_snakemake_and_calobatch_read():
    text = as_edits([
        Suggestion("pack", minutes=10, mb_per_core=700, most_mb_per_core=2000, cores=3),
        Suggestion("train", minutes=45, mb_per_core=1200, cores=2),
        Suggestion("report"),
    ])  # fmt: skip
    profile, site = text.split("write them into\n")[1].split("cluster/slurm/site.yaml:")
    assert profile.startswith("cluster/slurm/config.yaml:")
    assert yaml.safe_load(profile.split(":", 1)[1]) == {
        "set-threads": {"pack": 3},
        "set-resources": {
            "pack": {"runtime": "10 * attempt", "mem_mb_per_cpu": "min(700 * attempt, 2000)"},
            "train": {"runtime": "45 * attempt", "mem_mb_per_cpu": "1200 * attempt"},
        },
    }
    assert yaml.safe_load(site) == {"cpus_per_rank": 2}
    assert "No smaller request" in as_edits([Suggestion("report")])


def test_snakemake_requests_what_the_edited_profile_says(tmp_path):
    checkout = Workflow(tmp_path)
    profile = tmp_path / "cluster" / "slurm" / "config.yaml"
    found = [
        Suggestion("pack", minutes=15, mb_per_core=701, most_mb_per_core=2000, cores=3),
        Suggestion("train", minutes=45, mb_per_core=1201),
    ]
    lines = yaml.safe_load(as_edits(found).split("config.yaml:")[1])
    content = yaml.safe_load(profile.read_text())
    profile.write_text(yaml.safe_dump(content | lines))
    planned = checkout.snakemake(
        "-n", "--profile", "slurm", "--cores", "8", "--config", "scenario=test"
    ).stdout
    pack, train = planned.split("rule pack:")[1], planned.split("rule train:")[1]
    assert "threads: 3" in pack.split("rule ")[0]
    assert "runtime=15" in pack.split("rule ")[0]
    assert "mem_mb_per_cpu=701" in pack.split("rule ")[0]
    assert "runtime=45" in train.split("rule ")[0]
    assert "mem_mb_per_cpu=1201" in train.split("rule ")[0]


@pytest.fixture
def cluster(tmp_path, monkeypatch):
    """A folder with stand-ins for SLURM's programs; sacct prints the file that jobs are in."""
    (tmp_path / "jobs").write_text(PRINTED.replace("/home/alice/calobatch", str(tmp_path)))
    for name, text in (("sacct", "cat jobs"), ("scontrol", "echo JobAcctGatherFrequency = 5")):
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def find_and_measure():
    pairs = [(read_submit_line(job.submit_line, "quickstart"), job) for job in JOBS.values()]
    return measure_jobs(pairs, SAMPLING, Path("nowhere"))


def test_the_table_has_a_line_for_each_job_in_the_order_of_the_workflow(cluster):
    text, jobs = usage(cluster, "quickstart", "mine", "", 0)
    rules = [measured.workflow.rule for measured in jobs]
    assert rules == ["simulate", "pack", "pack", "train", "train", "evaluate", "report"]
    lines = text.splitlines()
    assert [line.split()[0] for line in lines[1:8]] == [measured.job.id for measured in jobs]
    assert "every 5 s" in text
    assert "mem_mb_per_cpu: 400 * attempt" in text


def test_a_long_name_of_a_file_is_shortened():
    name = "QCDToGGQQ_IMGjet_RH1all_jet0_run0_n24.test.snappy.parquet"
    first = find_and_measure()[0]
    long = first._replace(workflow=first.workflow._replace(wildcards={"file": name}))
    line = as_table([long]).splitlines()[1]
    assert name not in line
    assert "QCDToGGQQ_IMGjet_..." in line
    assert "parquet  COMPLETED" in line


def test_memory_that_the_cluster_never_samples_is_not_zero(cluster):
    text = report(find_and_measure(), None)
    assert "does not sample the memory" in text
    assert "JobAcctGatherType" in text


def test_gpus_with_little_to_do_are_mentioned():
    found = find_and_measure()
    small = next(measured for measured in found if measured.job.id == "6")
    idle = small._replace(used=small.used._replace(gpu_utilisation=0.23))
    assert "computed 23% of the time; `calobatch plan small --scenario mine`" in report([idle], 5)


def test_the_newest_run_is_shown_unless_a_time_is_given(cluster):
    row = next(line for line in PRINTED.splitlines() if line.startswith("5|"))
    newer = row.replace("5|", "50|", 1).replace("1111", "9999").replace("|2026-", "|2027-")
    with (cluster / "jobs").open("a") as file:
        file.write(newer.replace("/home/alice/calobatch", str(cluster)) + "\n")
    assert [job.id for _, job in find_jobs(cluster, "quickstart")] == ["50"]
    assert len(find_jobs(cluster, "quickstart", since="now-1days")) == 8


def test_jobs_of_other_folders_and_scenarios_are_left_out(cluster):
    with pytest.raises(UserError, match=r"no job of the scenario cms .* --since"):
        find_jobs(cluster, "quickstart", "cms")
    with pytest.raises(UserError, match="no job of the workflow that you submitted from"):
        find_jobs(cluster / "elsewhere", "quickstart")


def test_without_sacct_the_message_says_where_to_run(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match=r"sacct.*not installed.*login node"):
        find_jobs(tmp_path, "quickstart")


def test_a_time_that_sacct_refuses_is_its_own_complaint(cluster):
    (cluster / "sacct").write_text("#!/bin/sh\necho 'sacct: error: Invalid time' >&2\nexit 1\n")
    with pytest.raises(JobError, match=r"Invalid time.*--since"):
        find_jobs(cluster, "quickstart", since="yesteryear")


def test_the_file_has_numbers_and_empty_cells(tmp_path):
    write_csv(find_and_measure(), tmp_path / "usage.csv")
    with (tmp_path / "usage.csv").open(newline="") as file:
        lines = {line["job"]: line for line in csv.DictReader(file)}
    assert float(lines["1"]["mb_per_node"]) == pytest.approx(600, abs=20)
    assert lines["5"]["mb_per_node"] == ""
    assert lines["6"]["requeues"] == "1"
    assert lines["1"]["wildcards"] == "task=big,seed=1"
