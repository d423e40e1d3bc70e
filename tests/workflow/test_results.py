import pytest

from calobatch.config.load import load_scenario
from calobatch.errors import UserError
from calobatch.run.files import METRICS_FILE, RECORD_FILE
from calobatch.run.leaderboard_of_runs import write_leaderboard
from calobatch.run.name import runs_of
from calobatch.workflow.results import (
    end_of_success,
    leaderboard_of,
    require_results_of,
    trained_again,
    what_differs,
)
from tests.run import examples
from tests.searched import with_search, write_search


@pytest.fixture
def results(tmp_path):
    (tmp_path / "quickstart").mkdir()
    (tmp_path / "quickstart" / "leaderboard.csv").touch()
    return tmp_path


def test_a_scenario_with_results_has_a_leaderboard(results):
    assert leaderboard_of("quickstart", results) == results / "quickstart" / "leaderboard.csv"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("quikstart", "no results of a scenario 'quikstart'; did you mean 'quickstart'[?]"),
        ("zzz", "no results of a scenario 'zzz'; known: quickstart"),
        ("test", "does not exist; run the scenario first: `make run SCENARIO=test`"),
    ],
)
def test_a_scenario_without_results_comes_with_what_to_do(results, name, message):
    with pytest.raises(UserError, match=message):
        leaderboard_of(name, results)


def test_before_the_first_run_there_is_only_one_thing_to_do(tmp_path):
    with pytest.raises(UserError, match="no results of any scenario; start with `make run`"):
        leaderboard_of("mine", tmp_path)


def test_results_of_other_settings_and_missing_ones_are_named(tmp_path):
    scenario = load_scenario("test", "seeds=[1,2]")
    for run in runs_of(scenario):
        folder = tmp_path / "test" / run.folder
        folder.mkdir(parents=True)
        training = scenario.tasks[run.task].training()
        examples.record().model_copy(update={"training": training}).write(folder / RECORD_FILE)
    assert what_differs(scenario, tmp_path) == []
    task, *_ = scenario.tasks
    epochs = scenario.tasks[task].epochs
    changed = load_scenario(
        "test", f"seeds=[1,3] tasks.{task}.epochs={epochs + 1} tasks.{task}.schedule.kind=cosine"
    )
    require_results_of(scenario, tmp_path)
    with pytest.raises(UserError, match=f"{task} was trained with .* --set"):
        require_results_of(changed, tmp_path)
    settings, missing = what_differs(changed, tmp_path)
    assert settings == (
        f"{task} was trained with epochs {epochs} (now {epochs + 1}), "
        'schedule {"kind": "constant"} (now {"kind": "cosine"})'
    )
    assert missing.startswith(f"no results of {task} seed 3, ")


def test_numbers_of_a_training_that_is_repeated_are_those_of_the_earlier_one(tmp_path):
    crops = examples.scenario({})
    runs = [
        examples.run_folder(tmp_path / "tests" / name.folder, name.seed) for name in runs_of(crops)
    ]
    for run in runs:
        run.folder.mkdir(parents=True)
        run.record.write(run.folder / RECORD_FILE)
        run.metrics.write(run.folder / METRICS_FILE)
    board = tmp_path / "leaderboard.csv"
    write_leaderboard(crops, runs, {run.record.name: "id" for run in runs}, board)
    assert trained_again(crops, board, tmp_path) == []
    repeated, at_work = runs
    examples.metrics(seed=7).write(repeated.folder / METRICS_FILE)
    assert trained_again(crops, board, tmp_path) == [repeated.record.name]
    (at_work.folder / RECORD_FILE).unlink()
    again = trained_again(crops, board, tmp_path)
    assert again == [repeated.record.name, at_work.record.name]
    # Their settings say nothing about the numbers of the leaderboard.
    assert what_differs(crops, tmp_path, without=again) == []


def test_the_end_of_a_run_says_where_the_results_are():
    scenario = load_scenario("test", "seeds=[1,2]")
    line = end_of_success(scenario)
    assert f"All {2 * len(scenario.tasks)} trainings have finished" in line
    assert "`calobatch leaderboard test`" in line
    assert "results/test/report.html" in line


def test_the_settings_of_a_searched_task_are_those_that_were_found(tmp_path):
    scenario = with_search(examples.scenario({}))
    winner = write_search(scenario, tmp_path / scenario.name)
    for training, differs in ((winner, False), (scenario.tasks["crops"].training(), True)):
        for run in runs_of(scenario):
            record = examples.record().model_copy(update={"training": training})
            record.write(tmp_path / scenario.name / run.folder / RECORD_FILE)
        assert bool(what_differs(scenario, tmp_path)) == differs
