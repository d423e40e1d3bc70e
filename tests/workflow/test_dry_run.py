"""`snakemake -n` in a fresh clone: the complete DAG for every scenario and every profile."""

import re

import pytest

from tests.checkout import CHECKOUT

PUBLIC_FILES = 2 + 6 + 1
JOBS = {
    "quickstart": {"simulate": 4, "pack": 2, "train": 5, "evaluate": 5, "export": 5, "interpret": 5}
    | dict.fromkeys(("ensemble", "evaluate_ensemble"), 1),
    "test": {"simulate": 4, "pack": 2, "train": 4, "evaluate": 4, "export": 4, "interpret": 4}
    | dict.fromkeys(("ensemble", "evaluate_ensemble"), 1),
    "models": {"simulate": 4, "pack": 2, "train": 33, "evaluate": 33, "export": 33, "interpret": 33}
    | dict.fromkeys(("ensemble", "evaluate_ensemble"), 5),
    "training_options": {
        "simulate": 2,
        "pack": 1,
        "train": 27,
        "evaluate": 27,
        "export": 27,
        "interpret": 27,
    },
    "difficulty": {
        "simulate": 2,
        "pack": 1,
        "train": 12,
        "evaluate": 12,
        "export": 12,
        "interpret": 12,
    },
    "energyflow": {
        "simulate": 2,
        "pack": 1,
        "train": 1,
        "evaluate": 1,
        "export": 1,
        "interpret": 1,
    },
    "cms": {
        "fetch": PUBLIC_FILES,
        "pack": 3,
        "train": 12,
        "evaluate": 12,
        "export": 12,
        "interpret": 12,
    },
}


def jobs(output):
    """The jobs that a dry run lists, by rule."""
    table = output.split("Job stats:")[1].split("total")[0]
    return {rule: int(count) for rule, count in re.findall(r"^(\w+)\s+(\d+)$", table, re.M)}


# The jobs of a scenario are the same on every machine, so few are planned on several of them.
PLANNED = [
    *((scenario, None) for scenario in JOBS),
    ("quickstart", "cluster/local"),
    ("quickstart", "slurm"),
    ("cms", "slurm"),
]


@pytest.mark.parametrize(("scenario", "profile"), PLANNED)
def test_the_whole_dag_is_planned_with_no_data_on_disk(fresh, scenario, profile):
    chosen = ["--profile", profile] if profile else []
    answer = fresh.snakemake("-n", *chosen, "--config", f"scenario={scenario}")
    expected = JOBS[scenario] | {"collect": 1, "report": 1, "all": 1}
    assert jobs(answer.stdout + answer.stderr) == expected
    assert not (fresh.folder / "data").exists()
    assert not (fresh.folder / "results").exists()


def test_each_fold_of_a_task_is_a_job(fresh):
    folds = "datasets.electron_photon.split.folds=3 seeds=[1,2] ensembles={}"
    config = ["scenario=test", f"set={folds}"]
    answer = fresh.snakemake("-n", "--config", *config)
    # Three of the four tasks have the dataset with folds.
    trainings = 3 * 3 * 2 + 2
    expected = dict.fromkeys(("train", "evaluate", "export", "interpret"), trainings)
    found = jobs(answer.stdout + answer.stderr)
    assert expected.items() <= found.items()
    assert f"{trainings} trainings" in answer.stderr
    assert "2 seeds: 1, 2; 3 folds of electron_photon" in answer.stderr
    assert "--run fold3_seed2" in fresh.snakemake("-n", "-p", "--config", *config).stdout
    for file in ("fold3_seed2/run.json", "out_of_fold_seed2.parquet"):
        assert f"results/test/electron_photon_cnn/{file}" in answer.stdout


@pytest.mark.parametrize(
    ("command", "beginning"),
    [
        ("--rulegraph", "digraph"),
        ("--rulegraph mermaid-js", "---\ntitle: DAG\n---\nflowchart"),
        ("--dag", "digraph"),
        ("--summary", "output_file\tdate\trule"),
        ("--list-rules", "all"),
    ],
)
def test_what_other_programs_read_from_snakemake_has_nothing_else_in_it(fresh, command, beginning):
    answer = fresh.snakemake(*command.split(), "--config", "scenario=test")
    assert answer.returncode == 0
    assert answer.stdout.startswith(beginning)
    of_runs = ("train", "evaluate", "export", "interpret")
    for rule in ("simulate", "pack", *of_runs, "collect", "report"):
        assert rule in answer.stdout


def test_quickstart_is_the_default(fresh):
    assert "results/quickstart/report.html" in fresh.snakemake("-n").stdout


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("set=tasks.electron_photon_cnn.epoch=5", "unknown key; did you mean 'epochs'"),
        ("set=tasks.electron_photon_cnn.epochs=many", "epochs: Input should be a valid integer"),
        ("set=tasks.electron_photon_cnn.dataset=pions", "unknown dataset 'pions'"),
        ("scenario=nowhere", "unknown scenario 'nowhere'"),
        ("scenaro=cms", "--config has no key scenaro"),
    ],
)
def test_a_wrong_configuration_stops_before_the_dag_with_one_message(fresh, config, message):
    answer = fresh.snakemake("-n", "--config", config, check=False)
    assert answer.returncode == 2
    assert message in answer.stderr
    assert "Traceback" not in answer.stdout + answer.stderr


@pytest.mark.parametrize(
    ("rule", "params"),
    [
        ("train", ["store", "folder", "settings", "model_sha256"]),
        ("pack", ["folder", "settings", "pins"]),
        ("evaluate", ["folder"]),
    ],
)
def test_no_finished_job_is_repeated_after_an_update(rule, params):
    """Snakemake repeats a job that has other params than it recorded, as those of version 0.2."""
    text = (CHECKOUT / f"workflow/rules/{rule}.smk").read_text()
    section = text.split("    params:\n")[1].split("    shell:\n")[0]
    assert re.findall(r"^        (\w+)=", section, re.MULTILINE) == params
