"""The scaling study's page: made from any measurements, and as committed from those committed."""

import subprocess
import sys
from pathlib import Path

import pytest

from calobatch.plan.allreduce import Network
from calobatch.plan.measurements import Measurements
from calobatch.plan.step import Compute, Step
from tests.plan.examples import sweep, training

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "scaling"
STEP = Step(Compute(2e-3, 1e-4), Network(5e-3, 5e-5, 1e-9), 4e6)


def write_page(measured, output):
    subprocess.run(
        [sys.executable, FOLDER / "study.py", "--measured", measured, "--output", output],
        check=True,
        capture_output=True,
    )
    return (output / "README.md").read_text(encoding="utf-8")


def test_a_perfect_model_is_off_by_nothing(tmp_path):
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
    assert "off by 0% typically (root mean square\nof 4 trainings), and by 0% at worst" in text
    for picture in ("allreduce", "measured", "predicted"):
        assert (tmp_path / f"{picture}.png").stat().st_size > 10_000


def test_the_committed_page_is_that_of_the_committed_measurements(tmp_path):
    if not (FOLDER / "measured.json").exists():
        pytest.skip("docs/scaling/measured.json is not there; docs/scaling/measure.py takes it")
    committed = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert write_page(FOLDER / "measured.json", tmp_path) == committed


def test_each_task_is_timed_alone_and_in_strong_and_weak_scaling(monkeypatch):
    monkeypatch.syspath_prepend(FOLDER)
    measure = pytest.importorskip("measure")
    shapes = measure.layouts((1, 2, 4), (1, 2))
    assert shapes == [(1, 1), (2, 1), (2, 2), (4, 1), (4, 2)]
    cases = measure.cases_of("task", 64, shapes)
    assert {(c.ranks, c.whole_batch) for c in cases} == {
        *((1, 64), (1, 32), (1, 16)),
        *((2, 64), (2, 128), (4, 64), (4, 256)),
    }
    assert len({case.key for case in cases}) == len(cases) == 3 + 4 * 2
