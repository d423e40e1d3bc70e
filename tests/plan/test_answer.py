"""The output of `calobatch plan`: the table, the sources of its numbers, and every error."""

import json

import pytest

from calobatch.cli import main
from calobatch.plan.allreduce import Network
from calobatch.plan.step import Compute, Step
from tests.plan.examples import measurements

TASK = "electron_photon_cnn"
# The plan's numbers must not change when the quickstart is tuned.
EPOCHS = ("--set", f"tasks.{TASK}.epochs=20")
STEP = Step(Compute(2e-3, 1e-4), Network(1e-3, 5e-5, 1e-9), 4e6)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "measured.json"
    measurements(STEP).write(path)
    return str(path)


def plan(capsys, *arguments):
    main(["plan", *arguments])
    return capsys.readouterr().out


def mistake(capsys, *arguments):
    with pytest.raises(SystemExit) as end:
        main(["plan", *arguments])
    assert end.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    return line


def rows(text):
    lines = [line.split() for line in text.split("\n\n")[1].splitlines()[1:]]
    return {int(cells[0]): cells for cells in lines}


def test_a_plan_has_a_line_for_each_number_of_gpus(file, capsys):
    text = plan(capsys, TASK, "--measurements", file, "--gpus", "1", "2", "8")
    table = rows(text)
    assert list(table) == [1, 2, 8]
    assert table[1][1:] == ["1", "256", "9,275", "9,275", "100.0%", *table[1][6:8], "0.0%"]
    assert table[2][4] == f"{STEP.events_per_second(256, 2):,.0f}"
    assert table[8][:3] == ["8", "2", "32"]
    assert table[8][4] == "-"


def test_an_option_may_be_given_several_times(file, capsys):
    """The last one alone must not count."""
    rate = f"tasks.{TASK}.learning_rate=0.5"
    asked = (TASK, "--measurements", file, "--gpus", "1", "--gpus", "2", *EPOCHS, "--set", rate)
    text = plan(capsys, *asked)
    assert list(rows(text)) == [1, 2]
    assert " 20 epochs, " in text


def test_it_says_where_each_number_comes_from(file, capsys):
    text = plan(capsys, TASK, "--measurements", file, *EPOCHS)
    assert text.splitlines()[:4] == [
        f"{TASK}: 100,000 training events, 20 epochs, 256 events per batch, shared by all GPUs "
        "(strong scaling), 4 MB of gradients per step (1,000,000 parameters)",
        "computing  measured with 1 rank on c1 (cpu), batches of 64, 256 events per rank: 2 ms per "
        "step plus 100 µs per event",
        "network    measured with 2, 4 ranks on c1, c2 (horovod, cpu, ib0): 50 µs per message, "
        "8 Gbit/s, 1e+03 µs per call, typical error of the fit 0%",
        "predicted  all columns except `measured`, computed from the two lines above; they count "
        "training steps only: add the time of validation, startup and shutdown",
    ]
    text = plan(capsys, TASK, "--measurements", file, "--network", "5,100", "--faster", "50")
    assert "ASSUMED 50 times as fast" in text
    assert (
        "network    stated: 5 µs per message, 100 Gbit/s, algorithm ring; horovod adds 1000 µs per "
        "call and 25 µs per message with which the ranks agree on what is ready\n" in text
    )


def test_a_fit_to_too_few_measurements_comes_with_a_warning(tmp_path, capsys):
    path = tmp_path / "few.json"
    few = measurements(STEP)
    few.model_copy(update={"sweeps": few.sweeps[:1], "trainings": few.trainings[:1]}).write(path)
    text = plan(capsys, TASK, "--measurements", str(path))
    assert (
        "; only one batch size was measured, so the fixed cost of a step is unknown and "
        "predictions for many GPUs are optimistic\n" in text
    )
    assert (
        "; only one number of ranks was measured, so the fixed cost of a call counts as latency "
        "and predictions for many GPUs are pessimistic\n" in text
    )


def test_a_target_time_is_reached_or_reported_as_out_of_reach(file, capsys):
    asked = (TASK, "--measurements", file, "--events", "1000000", *EPOCHS)
    assert "\nTo finish within 0.4 h, use 3 GPUs on 1 node: 0.3" in plan(
        capsys, *asked, "--hours", "0.4"
    )
    text = plan(capsys, *asked, "--hours", "0.001")
    assert "\nNo number of GPUs finishes within 0.001 h. The fastest is " in text
    assert "; the main limit is the " in text


def test_the_trials_of_a_search_count(file, capsys):
    ranges = {"learning_rate": {"low": 1e-4, "high": 1e-2, "log": True}}
    settings = {"trials": 6, "epochs": 2, "rounds": 2, "factor": 3, "ranges": ranges}
    search = f"tasks.{TASK}.search={json.dumps(settings, separators=(',', ':'))}"
    text = plan(capsys, TASK, "--measurements", file, *EPOCHS, "--set", search)
    # Six trials of 2 epochs, and two of them go on to 6 epochs: 12 + 8 epochs, as many as the task.
    assert text.splitlines()[-1] == (
        "Its search (6 trials to 2 epochs, then 2 trials to 6 epochs) trains 20 epochs in "
        "addition, which takes 1 times the node hours of the table."
    )
    assert "Its search" not in plan(capsys, TASK, "--measurements", file, *EPOCHS)


def test_a_growing_batch_keeps_more_gpus_efficient(file, capsys):
    def most(*more):
        text = plan(capsys, TASK, "--measurements", file, *more)
        line = text.splitlines()[-1]
        return int(next(word for word in line.split() if word.isdigit()))

    assert most() < most("--set", f"tasks.{TASK}.grow_batch_with_ranks=true")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["no_such_task"], "has no task 'no_such_task'; choose from"),
        ([TASK, "--gpus", "512"], "512 GPUs cannot share a batch of 256 events; plan fewer GPUs"),
        ([TASK, "--gpus", "0"], "--gpus 0 is not positive; give a number above 0"),
        ([TASK, "--hours", "-1"], "--hours -1 is not positive; give a number above 0"),
        ([TASK, "--efficiency", "1.5"], "--efficiency 1.5 is not a fraction; give a number"),
        ([TASK, "--network", "fast"], "--network fast is not a network; state it as"),
        ([TASK, "--network", "5,0"], "--network 5,0 is not a network; state it as"),
        ([TASK, "--network", "1,2,3"], "--network 1,2,3 is not a network; state it as"),
    ],
)
def test_a_mistake_is_reported_in_one_line(arguments, said, file, capsys):
    assert said in mistake(capsys, *arguments, "--measurements", file)


def test_a_missing_measurement_is_named(file, tmp_path, capsys):
    other = "quark_gluon_cnn"
    assert f"the training speed of {other} is unknown: " in mistake(
        capsys, other, "--measurements", file, "--scenario", "cms"
    )
    without = tmp_path / "without.json"
    measurements(STEP).model_copy(update={"sweeps": ()}).write(without)
    assert "no file of --measurements has a network measured with horovod; " in mistake(
        capsys, TASK, "--measurements", str(without)
    )


def test_a_missing_or_broken_file_is_named(tmp_path, capsys):
    assert "cannot read" in mistake(capsys, TASK, "--measurements", str(tmp_path / "none.json"))
    broken = tmp_path / "broken.json"
    broken.write_text('{"sweeps": 1}')
    assert f"cannot read {broken}" in mistake(capsys, TASK, "--measurements", str(broken))
