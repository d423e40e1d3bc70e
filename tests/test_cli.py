import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from calobatch.provenance import version_of
from calobatch.store import open_store
from tests.checkout import CHECKOUT

CROPS = json.dumps({"source": "simulate", "events": 20})
PACKING = json.dumps({"layout": "electron_photon", "split": {}, "zero_below": 0})
HEAVY = {"torch", "numpy", "pyarrow", "h5py", "pydantic", "yaml", "sklearn", "matplotlib", "mlflow"}
LIST_MODULES = """
import sys
from calobatch.cli import main
try:
    main()
finally:
    print("modules", *sys.modules, file=sys.stderr)
"""


def calobatch(*arguments, **environment):
    """Run the command line from the checkout, as a user does."""
    return subprocess.run(
        [sys.executable, "-m", "calobatch.cli", *map(str, arguments)],
        cwd=CHECKOUT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
    )


def modules_of(*arguments):
    """Return the top-level modules that a verb has imported when it ends."""
    answer = subprocess.run(
        [sys.executable, "-c", LIST_MODULES, *map(str, arguments)],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
    )
    line = next(line for line in answer.stderr.splitlines() if line.startswith("modules "))
    return {module.split(".")[0] for module in line.split()[1:]}


def test_the_installed_command_is_this_one():
    command = Path(sys.executable).with_name("calobatch")
    answer = subprocess.run([command, "--help"], capture_output=True, text=True, check=True)
    assert answer.stdout.startswith("usage: calobatch")
    for_users, _, called_by_the_workflow = answer.stdout.partition("the workflow itself calls")
    for verb in ("check", "plan", "submit", "doctor"):
        assert f"\n    {verb} " in for_users
    for verb in ("fetch", "simulate", "pack", "train", "evaluate", "collect", "report"):
        assert f"\n  {verb} " in called_by_the_workflow


def test_help_imports_nothing_heavy():
    assert not modules_of("--help") & HEAVY


def test_verbs_that_need_no_model_do_not_import_torch(crops, tmp_path):
    crop_name = "SinglePhotonPt50_IMGCROPS_n10_RHv1.hdf5"
    for arguments in (
        ["check"],
        ["schema"],
        ["simulate", "electron_photon", "--output", tmp_path / crop_name, "--settings", CROPS],
        ["pack", "data", *crops.paths, "--output", tmp_path / "store", "--settings", PACKING],
        ["plan", "electron_photon_cnn"],
        ["fetch", "electron_photon", "no.hdf5", "--output", tmp_path / "x"],
        ["evaluate", tmp_path / "no_run"],
        ["leaderboard", tmp_path / "no.csv"],
    ):
        assert "torch" not in modules_of(*arguments), arguments[0]
    assert (tmp_path / crop_name).exists()
    assert (tmp_path / "store" / "manifest.json").exists()


def test_pack_writes_a_store_and_says_so_on_stderr_alone(crops, tmp_path):
    answer = calobatch("pack", "d", *crops.paths, "--output", tmp_path, "--settings", PACKING)
    assert answer.returncode == 0
    assert answer.stdout == ""
    assert answer.stderr.startswith("pack d: 130/130 events")
    assert len(open_store(tmp_path)) == 130


def test_settings_may_be_in_a_file(crops, tmp_path):
    (tmp_path / "settings.json").write_text(PACKING)
    answer = calobatch(
        "pack", "d", *crops.paths, "--output", tmp_path, "--settings", tmp_path / "settings.json"
    )
    assert answer.returncode == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["check", "no_such"], "calobatch check: unknown scenario 'no_such'"),
        (["check", "--set", "seeds"], "calobatch check: cannot read the override 'seeds'"),
        (["leaderboard", "no_such"], "calobatch leaderboard: results has no results of a"),
        (
            ["pack", "d", "no.hdf5", "--output", "/nowhere", "--settings", PACKING],
            "calobatch pack: no.hdf5 does not exist; correct the path, or fetch or simulate it "
            "first",
        ),
        (
            ["pack", "d", "no.hdf5", "--output", "/nowhere", "--settings", '{"layuot": "x"}'],
            "--settings: layuot: unknown key; did you mean 'layout'?",
        ),
        (
            ["simulate", "muons", "--output", "x.hdf5", "--settings", CROPS],
            "calobatch simulate: unknown layout 'muons' (",
        ),
        (
            ["simulate", "electron_photon", "--output", "x.hdf5", "--settings", CROPS],
            "these settings do not make a file x.hdf5; they make SingleElectron",
        ),
        (["launch", "-n", "0", "true"], "calobatch launch: launch needs at least one rank"),
    ],
)
def test_a_user_s_mistake_is_exit_code_2_and_a_message_without_traceback(arguments, message):
    answer = calobatch(*arguments)
    assert answer.returncode == 2
    assert message in answer.stderr
    assert "Traceback" not in answer.stderr
    assert answer.stdout == ""


def test_zero_workers_are_a_user_s_mistake(crops, tmp_path):
    options = ["--output", tmp_path / "store", "--settings", PACKING, "--workers", "0"]
    answer = calobatch("pack", "d", *crops.paths, *options)
    assert answer.returncode == 2
    assert answer.stderr == "calobatch pack: 0 workers cannot do the work; use at least one\n"


@pytest.mark.parametrize(
    ("options", "environment"), [(["--traceback"], {}), ([], {"CALOBATCH_TRACEBACK": "1"})]
)
def test_a_traceback_is_shown_if_the_user_wants_one(options, environment):
    answer = calobatch(*options, "check", "no_such", **environment)
    assert answer.returncode == 2
    assert answer.stderr.startswith("Traceback")
    assert answer.stderr.splitlines()[-1].startswith("calobatch check: unknown scenario")


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["bake"],
        ["pack", "d", "a.hdf5", "--output", "x"],
        ["pack", "d", "a.hdf5", "--output", "x", "--settings", "{"],
        ["pack", "d", "a.hdf5", "--output", "x", "--settings", "no_such_file.json"],
        ["train", "t", "--run", "one", "--store", "s", "--output", "o", "--settings", "{}"],
    ],
)
def test_a_wrong_call_is_exit_code_2_and_the_usage(arguments):
    answer = calobatch(*arguments)
    assert answer.returncode == 2
    assert answer.stderr.startswith("usage: calobatch")
    assert "Traceback" not in answer.stderr


def test_a_failed_job_is_exit_code_1_and_a_message_without_traceback():
    answer = calobatch("launch", "-n", "1", "false")
    assert answer.returncode == 1
    assert answer.stderr.splitlines()[-1].startswith("calobatch launch: ")
    assert "Traceback" not in answer.stderr


def test_an_interrupted_job_leaves_no_file_and_no_traceback(tmp_path):
    many = json.dumps({"source": "simulate", "events": 1_000_000})
    command = [sys.executable, "-m", "calobatch.cli", "simulate", "electron_photon"]
    command += ["--output", tmp_path / "SinglePhotonPt50_IMGCROPS_n500k_RHv1.hdf5"]
    with subprocess.Popen(
        [*command, "--settings", many], stderr=subprocess.PIPE, text=True
    ) as process:
        while not list(tmp_path.iterdir()):
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.01)
        # Python loses an interrupt that comes while h5py tidies up after opening the file.
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        _, shown = process.communicate(timeout=180)
    assert process.returncode == 130
    assert shown == ""
    assert not list(tmp_path.iterdir())


def test_check_says_in_a_few_lines_what_a_scenario_does():
    answer = calobatch("check", "test", "--set", "seeds=[5,6]")
    lines = answer.stdout.splitlines()
    assert lines[0] == "scenario test: Tiny run of the whole DAG for the tests"
    assert lines[1].startswith("8 trainings: electron_photon_two_branch, ")
    assert lines[1].endswith("; 2 seeds: 5, 6")
    assert "dataset electron_photon: 400 simulated events; " in answer.stdout
    assert len(lines) < 12


def test_check_prints_every_key_as_json_with_its_overrides():
    answer = calobatch("check", "test", "--full", "--set", "seeds=[5,6]")
    assert json.loads(answer.stdout)["seeds"] == [5, 6]


def test_a_reader_that_stops_early_is_no_error():
    command = f"{sys.executable} -m calobatch.cli check cms --full | head -1"
    answer = subprocess.run(command, shell=True, cwd=CHECKOUT, capture_output=True, text=True)
    assert (answer.stdout, answer.stderr) == ("{\n", "")


def test_the_version_is_printed():
    found = version_of("calobatch") or "that is not installed"
    assert calobatch("--version").stdout == f"calobatch {found}\n"
