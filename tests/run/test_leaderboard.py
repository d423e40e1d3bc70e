import csv
from dataclasses import replace
from statistics import mean, stdev

import pytest

from calobatch.config.dataset import SPLITS
from calobatch.errors import UserError
from calobatch.run.leaderboard import (
    COLUMNS,
    CORRECTED,
    ONE_TRAINING,
    SPREAD,
    Line,
    format_leaderboard,
    read_leaderboard,
    significance,
)
from calobatch.run.leaderboard_of_runs import check_leaderboard, write_leaderboard
from tests.run.examples import run_folder, scenario


@pytest.fixture
def runs(tmp_path):
    return [run_folder(tmp_path / f"seed{seed}", seed) for seed in (5, 6)]


@pytest.fixture
def written(runs, tmp_path):
    """A leaderboard of two runs, with a reference for the test split only."""
    path = tmp_path / "leaderboard.csv"
    ids = {run.record.name: f"id{run.record.seed}" for run in runs}
    write_leaderboard(scenario({"test": 0.777}), runs, ids, path)
    return path


def test_the_lines_that_are_read_are_those_that_were_written(runs, written):
    assert read_leaderboard(written) == [
        Line(
            task="crops",
            dataset="electron_photon",
            model="cnn",
            seed=run.record.seed,
            split=split,
            n_events=run.metrics.splits[split].events,
            auc=round(run.metrics.splits[split].auc, 6),
            auc_low=round(run.metrics.splits[split].auc_low, 6),
            auc_high=round(run.metrics.splits[split].auc_high, 6),
            accuracy=round(run.metrics.splits[split].accuracy, 6),
            parameters=10,
            ranks=2,
            events_per_second=703.2,
            reference_auc=0.777 if split == "test" else None,
            run_id=f"id{run.record.seed}",
            simulated=True,
        )
        for run in runs
        for split in SPLITS
    ]


def test_the_columns_are_those_of_the_contract(written):
    columns = (
        "task,dataset,model,seed,split,n_events,auc,auc_low,auc_high,accuracy,parameters,ranks,"
        "events_per_second,reference_auc,run_id,mark,simulated,fold,auc_std,"
        "effective_events,p_behind_best,training_events"
    )
    assert written.read_text().splitlines()[0] == columns
    assert ",".join(COLUMNS) == columns


def test_numbers_have_six_decimal_places_and_a_missing_reference_is_empty(written):
    with written.open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert [line["reference_auc"] for line in lines] == ["", "", "0.777"] * 2
    assert lines[0]["auc"] == "0.700050"
    assert lines[0]["accuracy"] == "0.612346"
    assert lines[0]["events_per_second"] == "703.2"


def test_writing_again_gives_the_same_bytes(runs, written, tmp_path):
    before = written.read_bytes()
    ids = {run.record.name: f"id{run.record.seed}" for run in runs}
    write_leaderboard(scenario({"test": 0.777}), runs, ids, written)
    assert written.read_bytes() == before


def test_the_terminal_shows_validation_and_test_with_a_dash_for_a_missing_reference(written):
    table, _ = format_leaderboard(written).split("\n\n")
    head, *lines = [line.split() for line in table.splitlines()]
    assert head == ["task", "seed", "split", "auc", "auc_low", "auc_high", "accuracy",
                    "reference_auc"]  # fmt: skip
    assert [line[1:3] for line in lines[:4]] == [
        [seed, split] for seed in ("5", "6") for split in ("validation", "test")
    ]
    assert [line[-1] for line in lines] == ["-", "0.7770"] * 3
    assert lines[0][4] == "0.6510"


def test_a_reference_that_is_one_of_other_data_comes_with_a_note(runs, tmp_path):
    path, ids = tmp_path / "leaderboard.csv", {run.record.name: "id" for run in runs}
    note = "simulated stand-ins, so their AUCs are not comparable with the references"
    for reference, simulated in (({"test": 0.777}, True), ({"test": 0.777}, False), ({}, True)):
        for_table = [
            replace(run, record=run.record.model_copy(update={"simulated": simulated}))
            for run in runs
        ]
        write_leaderboard(scenario(reference), for_table, ids, path)
        assert (note in format_leaderboard(path)) == bool(reference and simulated)


def test_seeds_of_one_task_have_their_means_below_them(runs, tmp_path):
    other = runs[1].metrics.splits["test"].model_copy(update={"auc": 0.5, "accuracy": 0.6})
    metrics = runs[1].metrics.model_copy(
        update={"splits": runs[1].metrics.splits | {"test": other}}
    )
    pair = [runs[0], replace(runs[1], metrics=metrics)]
    path = tmp_path / "leaderboard.csv"
    write_leaderboard(scenario({}), pair, {run.record.name: "id" for run in pair}, path)
    first = runs[0].metrics.splits["test"]
    *_, last, empty, note = format_leaderboard(path).splitlines()
    assert (empty, note) == ("", SPREAD)
    means = last.split()
    assert means[1:5] == ["mean", "of", "2", "test"]
    assert means[5:8] == [
        f"{mean([first.auc, 0.5]):.4f}", "±", f"{stdev([first.auc, 0.5]):.4f}",
    ]  # fmt: skip
    assert means[8] == f"{mean([first.accuracy, 0.6]):.4f}"


def test_one_seed_has_no_mean(runs, tmp_path):
    path = tmp_path / "leaderboard.csv"
    write_leaderboard(scenario({}), runs[:1], {runs[0].record.name: "id"}, path)
    assert "mean" not in format_leaderboard(path)


def test_a_mark_is_in_the_file_and_gets_a_column_in_the_terminal(runs, tmp_path):
    marked = runs[0].record.model_copy(update={"mark": "exploded loss"})
    runs[0] = replace(runs[0], record=marked)
    path = tmp_path / "leaderboard.csv"
    write_leaderboard(scenario({}), runs, {run.record.name: "id" for run in runs}, path)
    assert [line.mark for line in read_leaderboard(path)] == ["exploded loss"] * 3 + [""] * 3
    table = format_leaderboard(path).partition("\n\n")[0]
    head, *lines = table.splitlines()
    assert head.endswith("  mark")
    marked_lines = [line.endswith("  exploded loss") for line in lines]
    assert marked_lines == [True, True, False, False, False, False]


def test_a_leaderboard_of_an_older_version_has_no_marks(runs, written):
    lines = written.read_text().splitlines()
    written.write_text("".join(line.rsplit(",", 2)[0] + "\n" for line in lines))
    assert {line.mark for line in read_leaderboard(written)} == {""}
    assert "mark" not in format_leaderboard(written)
    check_leaderboard(read_leaderboard(written), scenario({"test": 0.777}), runs, written)


@pytest.mark.parametrize(
    "content", ["task,seed\ncrops,1\n", "task,seed,split,auc\ncrops,1,test,high\n"]
)
def test_a_damaged_leaderboard_is_named(tmp_path, content):
    (tmp_path / "leaderboard.csv").write_text(content)
    with pytest.raises(
        UserError,
        match=r"leaderboard\.csv has a line with a missing or invalid value of .*auc, .*; "
        "run `calobatch collect` again$",
    ):
        read_leaderboard(tmp_path / "leaderboard.csv")


def test_a_missing_leaderboard_is_named_with_what_to_do(tmp_path):
    with pytest.raises(UserError, match=r"^cannot read .*absent\.csv: .*; run the scenario first$"):
        read_leaderboard(tmp_path / "absent.csv")


def test_p_values_are_on_test_lines_and_survive_the_file(tmp_path):
    runs = [run_folder(tmp_path, 5)]
    path = tmp_path / "leaderboard.csv"
    ids = {run.record.name: "id" for run in runs}
    write_leaderboard(scenario({}), runs, ids, path, {"crops": 1.25e-9})
    lines = read_leaderboard(path)
    found = {line.split: line.p_behind_best for line in lines}
    assert found == {"train": None, "validation": None, "test": pytest.approx(1.25e-9, rel=0.05)}
    check_leaderboard(lines, scenario({}), runs, path)


def test_what_is_significant_is_said_in_words(tmp_path):
    written = tmp_path / "leaderboard.csv"
    run = run_folder(tmp_path, 5)
    write_leaderboard(scenario({}), [run], {run.record.name: "id"}, written)
    line = next(line for line in read_leaderboard(written) if line.split == "test")

    def of(task, auc, p, dataset="crops"):
        changes = {"task": task, "auc": auc, "p_behind_best": p, "dataset": dataset}
        return line.model_copy(update=changes)

    lines = [of("a", 0.6, 1e-9), of("b", 0.8, None), of("c", 0.79, 0.3), of("d", 0.7, 0.049)]
    assert significance(lines) == [
        "On crops, b is significantly better than a (p < 1e-06) and d (p = 0.049), but not "
        "significantly better than c (p = 0.3).",
        CORRECTED,
        ONE_TRAINING,
    ]
    assert significance(2 * lines)[-1] == CORRECTED
    # A task alone on its dataset was compared with none, and so were those of older leaderboards.
    assert significance([of("a", 0.6, None), of("b", 0.8, None, "jets")]) == []
    assert significance([of("a", 0.6, None), of("b", 0.8, None)]) == []
