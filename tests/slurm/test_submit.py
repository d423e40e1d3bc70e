"""The head process as a job; stand-ins for SLURM's programs record how they were called."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from calobatch.config.load import load_scenario
from calobatch.errors import JobError, UserError
from calobatch.slurm.site import Site
from calobatch.slurm.submit import submit

SITE = Site(account="physics", cpus_per_node=4, qos="long", exclude=("c9",))
SBATCH = '#!/bin/sh\nprintf "%s\\n" "$@" >called; cat >script; echo "4711;cluster"\n'
SINFO = "#!/bin/sh\necho 'short*|up|2:00:00|c1|4|8000|idle|(null)|(null)'\n"


@pytest.fixture
def slurm(tmp_path, monkeypatch):
    """A folder, first on PATH, with stand-ins for sbatch and squeue; and a scenario."""
    programs = (("sbatch", SBATCH), ("squeue", "#!/bin/sh\n"), ("sinfo", SINFO))
    for name, text in programs:
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    scenario = load_scenario("test", folder=Path("config").resolve())
    monkeypatch.chdir(tmp_path)
    return tmp_path, scenario


def test_the_job_and_its_log_are_printed(slurm, capsys):
    folder, scenario = slurm
    submit(scenario, "", SITE)
    printed = capsys.readouterr().out
    assert "submitted as job 4711; it keeps running when you log out" in printed
    assert "logs/test/submit.log" in printed
    asked = (folder / "called").read_text().splitlines()
    assert {
        "--account=physics",
        "--qos=long",
        "--exclude=c9",
        "--requeue",
        "--signal=B:USR1@120",
    } <= set(asked)
    assert not any(option.startswith("--partition") for option in asked)


def test_the_job_runs_snakemake_on_this_scenario_with_these_changes(slurm):
    folder, scenario = slurm
    submit(scenario, "tasks.electron_photon_cnn.epochs=5 seeds=[1,2]", SITE)
    script = (folder / "script").read_text()
    assert "--profile slurm --config scenario=test" in script
    assert "'set=tasks.electron_photon_cnn.epochs=5 seeds=[1,2]'" in script


def test_a_second_head_process_of_a_scenario_is_refused(slurm):
    folder, scenario = slurm
    (folder / "squeue").write_text(f"#!/bin/sh\necho '99|test|{folder}'\n")
    with pytest.raises(UserError, match="job 99 is already the head process of test in this"):
        submit(scenario, "", SITE)
    assert not (folder / "called").exists()


@pytest.mark.parametrize("other", ["99|quickstart|{folder}", "99|test|/elsewhere"])
def test_head_processes_of_other_scenarios_and_folders_are_no_obstacle(slurm, other):
    folder, scenario = slurm
    (folder / "squeue").write_text(f"#!/bin/sh\necho '{other.format(folder=folder)}'\n")
    submit(scenario, "", SITE)
    assert "--comment=test" in (folder / "called").read_text()


def test_the_walltime_is_what_the_partition_allows(slurm):
    """SLURM would keep a job that asks for more in the queue for ever."""
    folder, scenario = slurm
    submit(scenario, "", SITE)
    assert "--time=120" in (folder / "called").read_text().splitlines()


@pytest.mark.parametrize(
    ("partition", "minutes"), [("long", 1440), ("long,short", 120), ("hidden", 1440), ("", 1440)]
)
def test_lists_of_partitions_hidden_ones_and_no_default_are_left_to_sbatch(
    slurm, partition, minutes
):
    folder, scenario = slurm
    line = "echo '{}|up|{}|c1|4|8000|idle|(null)|(null)'"
    lines = [line.format("short", "2:00:00"), line.format("long", "7-00:00:00")]
    (folder / "sinfo").write_text("\n".join(["#!/bin/sh", *lines, ""]))
    submit(scenario, "", SITE.model_copy(update={"partition": partition}))
    assert f"--time={minutes}" in (folder / "called").read_text().splitlines()


def test_snakemake_does_not_see_that_it_runs_in_a_job(slurm):
    """With SLURM's variables of the job, srun and sbatch would take them for their own options."""
    folder, scenario = slurm
    (folder / "snakemake").write_text("#!/bin/sh\nenv >seen\n")
    (folder / "snakemake").chmod(0o755)
    submit(scenario, "", SITE)
    script = (folder / "script").read_text()
    script = re.sub(r"^\S*snakemake ", f"{folder}/snakemake ", script, flags=re.MULTILINE)
    job = {"SLURM_JOB_ID": "7", "SLURM_NTASKS": "1", "SLURM_CONF": "/etc/slurm.conf"}
    subprocess.run(["bash", "-c", script], env={**os.environ, **job}, check=True)
    seen = dict(
        line.split("=", 1) for line in (folder / "seen").read_text().splitlines() if "=" in line
    )
    assert {name for name in seen if name.startswith("SLURM_")} == {"SLURM_CONF"}
    assert seen["CALOBATCH_HEAD_JOB"] == "7"


def test_the_error_message_of_slurm_is_passed_on(slurm):
    folder, scenario = slurm
    (folder / "sbatch").write_text("#!/bin/sh\necho 'invalid account' >&2; exit 1\n")
    with pytest.raises(JobError, match="sbatch failed: invalid account"):
        submit(scenario, "", SITE)


def test_without_slurm_it_says_where_to_go(slurm, monkeypatch):
    _, scenario = slurm
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(UserError, match="the program squeue is not on this machine"):
        submit(scenario, "", SITE)
