"""The head process as a job; stand-ins for SLURM's programs record how they were called."""

import os
from pathlib import Path

import pytest

from calobatch.config.load import load_scenario
from calobatch.errors import JobError, UserError
from calobatch.slurm.site import Site
from calobatch.slurm.submit import submit

SITE = Site(account="physics", cpus_per_node=4, sbatch_options="--qos=long --exclude=c9")
SBATCH = '#!/bin/sh\nprintf "%s\\n" "$@" >called; cat >script; echo "4711;cluster"\n'


@pytest.fixture
def slurm(tmp_path, monkeypatch):
    """A folder, first on PATH, with stand-ins for sbatch and squeue; and a scenario."""
    for name, text in (("sbatch", SBATCH), ("squeue", "#!/bin/sh\n")):
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


def test_a_second_head_process_in_a_folder_is_refused(slurm):
    folder, scenario = slurm
    (folder / "squeue").write_text(f"#!/bin/sh\necho '99 {folder}'\n")
    with pytest.raises(UserError, match="job 99 is already the head process of this folder"):
        submit(scenario, "", SITE)
    assert not (folder / "called").exists()


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
