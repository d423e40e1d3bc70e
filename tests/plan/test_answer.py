"""`calobatch plan` as a user meets it: the table, where numbers come from, and every mistake."""

import pytest

from calobatch.cli import main
from calobatch.plan.allreduce import Network
from calobatch.plan.step import Compute, Step
from tests.plan.examples import measurements

TASK = "electron_photon_cnn"
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


def test_it_says_where_each_number_comes_from(file, capsys):
    text = plan(capsys, TASK, "--measurements", file)
    assert "computing measured with 1 rank(s) on c1 (cpu), 64, 256 events a step" in text
    assert "network   measured with 2, 4 ranks on c1, c2 (horovod, cpu, ib0): 50 µs" in text
    assert "gradients of 4 MB" in text
    text = plan(capsys, TASK, "--measurements", file, "--network", "5,100", "--faster", "50")
    assert "ASSUMED 50 times as fast" in text
    assert (
        "network   stated: 5 µs a message and 100 Gbit/s in a ring; of horovod: 1000 µs a call"
        in text
    )


def test_a_target_time_is_met_or_said_to_be_out_of_reach(file, capsys):
    asked = (TASK, "--measurements", file, "--events", "1000000")
    assert "\nIn 0.4 h: 3 GPU(s) on 1 node(s)" in plan(capsys, *asked, "--hours", "0.4")
    text = plan(capsys, *asked, "--hours", "0.001")
    assert "\nIn 0.001 h: no number of GPUs does it. The fastest," in text
    assert "what more GPUs do not shorten is mostly" in text


def test_a_growing_batch_keeps_more_gpus_efficient(file, capsys):
    def most(*more):
        text = plan(capsys, TASK, "--measurements", file, *more)
        line = text.splitlines()[-1]
        return int(next(word for word in line.split() if word.isdigit()))

    assert most() < most("--set", f"tasks.{TASK}.grow_batch_with_ranks=true")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["no_such_task"], "has no task 'no_such_task'; it has"),
        ([TASK, "--gpus", "512"], "256 events cannot be shared by 512 GPUs"),
        ([TASK, "--gpus", "0"], "--gpus 0: give a number above 0"),
        ([TASK, "--hours", "-1"], "--hours -1: give a number above 0"),
        ([TASK, "--efficiency", "1.5"], "--efficiency 1.5: give a share"),
        ([TASK, "--network", "fast"], "--network fast: not a network; state it as"),
        ([TASK, "--network", "5,0"], "--network 5,0: not a network; state it as"),
        ([TASK, "--network", "1,2,3"], "not a network; state it as"),
    ],
)
def test_a_mistake_is_told_in_one_line(arguments, said, file, capsys):
    assert said in mistake(capsys, *arguments, "--measurements", file)


def test_what_was_not_measured_is_named(file, tmp_path, capsys):
    other = "quark_gluon_cnn"
    assert f"no speed of {other} was measured" in mistake(
        capsys, other, "--measurements", file, "--scenario", "cms"
    )
    without = tmp_path / "without.json"
    measurements(STEP).model_copy(update={"sweeps": ()}).write(without)
    assert "no measurement of a network with horovod" in mistake(
        capsys, TASK, "--measurements", str(without)
    )


def test_a_file_that_is_none_is_named(tmp_path, capsys):
    assert "cannot read" in mistake(capsys, TASK, "--measurements", str(tmp_path / "none.json"))
    broken = tmp_path / "broken.json"
    broken.write_text('{"sweeps": 1}')
    assert f"cannot read {broken}" in mistake(capsys, TASK, "--measurements", str(broken))
