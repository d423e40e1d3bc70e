"""What a command inside an image gets from the host, and what it does not get."""

from pathlib import Path

import pytest

from calobatch.slurm.contain import apptainer_command, environment_of_apptainer, handed_in
from calobatch.slurm.site import Site

CPU = Site(cpus_per_node=4, cpus_per_rank=2)
CUDA = Site(cpus_per_node=4, gpus_per_node=2, variant="cuda")


def test_only_named_variables_are_passed_in():
    host = {"PYTHONPATH": "/site", "LD_PRELOAD": "x", "MLFLOW_TRACKING_URI": "u", "HOME": "h"}
    given = handed_in(host, CPU)
    assert given["APPTAINERENV_MLFLOW_TRACKING_URI"] == "u"
    assert given["APPTAINERENV_PYTHONPATH"] == str(Path("src").resolve())
    assert given["APPTAINERENV_OMP_NUM_THREADS"] == "2"
    assert {"APPTAINERENV_LD_PRELOAD", "APPTAINERENV_HOME"} & set(given) == set()
    assert all(name.startswith("APPTAINERENV_") for name in given)


@pytest.mark.parametrize(
    ("site", "visible", "expected"), [(CUDA, "0,1", True), (CUDA, "", False), (CPU, "0,1", False)]
)
def test_the_gpu_driver_is_mounted_only_if_the_job_has_a_gpu_and_the_image_can_use_it(
    site, visible, expected
):
    environment = {"CUDA_VISIBLE_DEVICES": visible}
    command = apptainer_command(Path("image.sif"), ["true"], site, environment)
    assert ("--nv" in command) == expected
    assert ("APPTAINERENV_CALOBATCH_GPU_EXPECTED" in handed_in(environment, site)) == expected


def test_the_command_runs_in_this_folder_and_the_binds_of_the_site_are_mounted():
    site = CPU.model_copy(update={"binds": ("/scratch/alice",)})
    command = apptainer_command(Path("image.sif"), ["calobatch", "pack", "a b"], site, {})
    assert command[-4:] == ["image.sif", "calobatch", "pack", "a b"]
    assert command[command.index("--pwd") + 1] == str(Path.cwd())
    mounted = {command[i + 1] for i, word in enumerate(command) if word == "--bind"}
    assert mounted == {str(Path.cwd()), "/scratch/alice"}


@pytest.mark.parametrize(
    "name",
    [
        "APPTAINER_BIND",
        "APPTAINER_BINDPATH",
        "APPTAINERENV_LD_PRELOAD",
        "APPTAINERENV_TMPDIR",
        "SINGULARITY_BIND",
        "SINGULARITYENV_PYTHONPATH",
    ],
)
def test_variables_that_change_what_an_image_contains_do_not_reach_apptainer(monkeypatch, name):
    monkeypatch.setenv(name, "/no/such")
    assert name not in environment_of_apptainer(CPU)


@pytest.mark.parametrize(
    "name", ["APPTAINER_CACHEDIR", "APPTAINER_TMPDIR", "SINGULARITY_CACHEDIR", "HOME"]
)
def test_variables_that_say_where_apptainer_keeps_its_own_files_do(monkeypatch, name):
    monkeypatch.setenv(name, "/scratch")
    assert environment_of_apptainer(CPU)[name] == "/scratch"


def test_what_the_project_links_to_is_mounted(tmp_path, monkeypatch):
    (tmp_path / "scratch").mkdir()
    (tmp_path / "project").mkdir()
    (tmp_path / "project/data").symlink_to(tmp_path / "scratch")
    monkeypatch.chdir(tmp_path / "project")
    command = apptainer_command(Path("image.sif"), ["true"], CPU, {})
    mounted = [command[i + 1] for i, word in enumerate(command) if word == "--bind"]
    assert mounted == [str(tmp_path / "project"), str(tmp_path / "scratch")]
