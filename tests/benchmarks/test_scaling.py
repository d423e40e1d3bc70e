"""The scaling study: its page can be made from any measurements, and is up to date."""

import subprocess
import sys

import pytest

from benchmarks.scaling.model import MEASURED, PAGE_FOLDER
from calobatch.checkout import CHECKOUT
from calobatch.plan.allreduce import Network
from calobatch.plan.measurements import Measurements
from calobatch.plan.step import Compute, Step
from tests.plan.examples import sweep, training

STEP = Step(Compute(2e-3, 1e-4), Network(5e-3, 5e-5, 1e-9), 4e6)


def run_study(measured, output):
    command = [sys.executable, "-m", "benchmarks.scaling.study"]
    command += ["--measured", measured, "--output", output]
    return subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True)


def write_page(measured, output):
    done = run_study(measured, output)
    assert done.returncode == 0, done.stderr
    return (output / "README.md").read_text(encoding="utf-8")


def test_a_perfect_model_has_no_error(tmp_path):
    alone = [training(STEP, 256), training(STEP, 64)]
    together = [training(STEP, batch, ranks) for ranks in (2, 4) for batch in (256, 256 * ranks)]
    Measurements(
        machine="a made-up machine",
        sweeps=tuple(sweep(STEP.network, ranks, nodes=1) for ranks in (2, 4)),
        trainings=(*alone, *together),
    ).write(tmp_path / "measured.json")
    text = write_page(tmp_path / "measured.json", tmp_path)
    assert "1, 2, 4 ranks on CPUs, on a made-up machine" in text
    assert "| horovod | 1 | 2, 4 | 5 | 50 | 8 | 0% |" in text
    assert "| electron_photon_cnn | 1,000,000 | 4 | 256 | 2 | 100 |" in text
    assert "off by 0% typically (root mean square of 4 trainings), and by 0% at worst" in text
    for picture in ("allreduce", "measured", "predicted"):
        assert (tmp_path / f"{picture}.png").stat().st_size > 10_000


def test_a_task_without_one_rank_is_an_error_that_says_what_to_do(tmp_path):
    Measurements(
        sweeps=(sweep(STEP.network, 2, nodes=1),), trainings=(training(STEP, 256, 2),)
    ).write(tmp_path / "measured.json")
    done = run_study(tmp_path / "measured.json", tmp_path)
    assert done.returncode == 2
    assert done.stderr == (
        "study: electron_photon_cnn lacks trainings with one rank or with several; measure them "
        "with `python -m benchmarks.scaling.campaign`, which continues where it stopped\n"
    )


def test_the_committed_page_is_made_from_the_committed_measurements(tmp_path):
    if not MEASURED.exists():
        pytest.skip("docs/scaling/measured.json is missing; benchmarks.scaling.campaign writes it")
    committed = (PAGE_FOLDER / "README.md").read_text(encoding="utf-8")
    assert write_page(MEASURED, tmp_path) == committed


def test_each_task_is_timed_with_one_rank_and_in_strong_and_weak_scaling():
    campaign = pytest.importorskip("benchmarks.scaling.campaign")
    shapes = campaign.layouts((1, 2, 4), (1, 2))
    assert shapes == [(1, 1), (2, 1), (2, 2), (4, 1), (4, 2)]
    cases = campaign.cases_of("task", 64, shapes)
    assert {(c.ranks, c.whole_batch) for c in cases} == {
        *((1, 64), (1, 32), (1, 16)),
        *((2, 64), (2, 128), (4, 64), (4, 256)),
    }
    assert len({case.key for case in cases}) == len(cases) == 3 + 4 * 2
