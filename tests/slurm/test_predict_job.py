"""predict as a job; a stand-in for sbatch records how it was called."""

import argparse
import os
import subprocess
from pathlib import Path

import pytest

from calobatch.errors import UserError
from calobatch.run.predictor import Models
from calobatch.slurm import predict_job
from calobatch.slurm.predict_job import submit_predict
from calobatch.slurm.site import Site
from calobatch.verbs.own import OWN

SBATCH = '#!/bin/sh\nprintf "%s\\n" "$@" >called; cat >script; echo 4711\n'
SINFO = "#!/bin/sh\necho 'short*|up|1:00:00|c1|4|8000|idle|(null)|(null)'\n"
SITE = Site(account="physics", cpus_per_node=4, mb_per_node=4000, modules=("apptainer",))


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project folder with stand-ins for SLURM's programs, in which a training has finished."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name, text in (("sbatch", SBATCH), ("sinfo", SINFO)):
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setattr(
        predict_job,
        "models_in",
        lambda folder: Models("task", ((None, folder / "model.safetensors"),), None),
    )
    monkeypatch.setattr(predict_job, "require_image", lambda *image: None)
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    return tmp_path / "project"


def submitted(project):
    run, raw = project / "results/q/task/seed1", project / "data/new.root"
    submit_predict(run, [raw], project / "my scores.parquet", SITE)
    return (project / "called").read_text().splitlines()


def test_the_job_asks_for_what_a_node_has_and_for_what_the_site_file_names(project):
    asked = submitted(project)
    # The partition allows an hour. A quarter of the memory of a node is less than a core's 2000 MB.
    expected = {"--cpus-per-task=4", "--mem-per-cpu=1000", "--time=60", "--account=physics"}
    assert expected <= set(asked)


def test_the_script_predicts_in_the_image_with_these_paths(project):
    submitted(project)
    script = (project / "script").read_text()
    subprocess.run(["bash", "-n"], input=script, text=True, check=True)
    assert "module load apptainer" in script
    command = script.splitlines()[-1]
    assert "calobatch contain train -- calobatch predict" in command
    assert f"--output '{project}/my scores.parquet' --threads 4" in command


def test_the_number_of_the_job_and_its_log_are_printed(project, capsys):
    submitted(project)
    printed = capsys.readouterr().out
    assert "submitted as job 4711" in printed
    assert "logs/predict/my scores.log" in printed


def test_a_file_that_images_do_not_see_is_refused_before_the_queue(project):
    with pytest.raises(UserError, match=r"images, which do not see /elsewhere.*binds"):
        submit_predict(project / "run", [Path("/elsewhere/a.root")], project, SITE)
    with pytest.raises(UserError, match=r"images, which do not see /elsewhere/both.*binds"):
        submit_predict(Path("/elsewhere/both"), [project / "a.root"], project, SITE)
    assert not (project / "called").exists()


def test_a_run_of_mlflow_is_refused_with_how_to_take_it(project):
    verb = next(verb for verb in OWN if verb.name == "predict")
    parser = argparse.ArgumentParser()
    verb.add_options(parser)
    options = parser.parse_args(["runs:/abc", "a.root", "--output", "s.parquet", "--submit"])
    with pytest.raises(UserError, match="calobatch download"):
        verb.action(options)
