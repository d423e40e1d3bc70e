"""The section about what the models look at, and its sentences."""

import shutil

import numpy as np
import pytest

from calobatch.errors import UserError
from calobatch.report.looks import bins_in_words, inputs_in_words, looks_of, strongest_in_words
from calobatch.run.folder import read_run
from calobatch.run.interpretation import Bin, Interpretation, Quantity, Without
from tests.layouts import ELECTRON_PHOTON
from tests.report.page import read_page

RECORD = "interpretation/interpretation.json"


def bins(*aucs, error=0.02):
    return tuple(
        Bin(
            low=10 * number + 10, high=10 * number + 20, events=100,
            auc=auc, auc_low=auc - 1.96 * error, auc_high=auc + 1.96 * error,
        )
        for number, auc in enumerate(aucs)
    )  # fmt: skip


def with_record(results, folder, **changes):
    """The results, in which the interpretation of each run has other values."""
    runs = [folder / run.parent.name / run.name for run in results.runs]
    for source, target in zip(results.runs, runs, strict=True):
        shutil.copytree(source, target)
        found = Interpretation.read(target / RECORD)
        found.model_copy(update=changes).write(target / RECORD)
    return results._replace(runs=runs)


def section(html):
    found = [part for part in read_page(html).all("section") if part.attributes["id"] == "looks"]
    return found[0] if found else None


def test_the_first_run_of_each_task_has_its_pictures_and_tables(html, results):
    part = section(html)
    assert [summary.text.split()[0] for summary in part.all("summary")] == ["crops", "jets"]
    captions = [figure.text for figure in part.all("figcaption")]
    for name in ("photon", "electron", "gluon", "quark"):
        assert any(caption.startswith(f"{name}, right") for caption in captions)
        assert any(caption.startswith(f"{name} mean of") for caption in captions)
    rows = [row.text for table in part.all("table") for row in table.all("tr")]
    crops, _, jets = (Interpretation.read(run / RECORD) for run in results.runs)
    for found in (crops, jets):
        for without in found.without:
            assert any(f"{without.name} {without.auc:.3f}" in row for row in rows)
    assert part.text.count("too few test events for bins") == 2


def test_bins_have_a_picture_and_a_sentence(results, tmp_path):
    pt = Quantity(name="pt", unit="GeV", bins=bins(0.7, 0.75, 0.9))
    page = with_record(results, tmp_path, quantities=(pt,)).page(tmp_path / "page.html")
    part = section(page)
    titles = [title.text for title in part.all("title")]
    assert sum("0.700 (0.661 to 0.739) from 10 to 20" in title for title in titles) == 2
    assert part.text.count(bins_in_words(pt, 0.95)) == 2


def test_without_interpretations_the_section_is_left_out(results, html, tmp_path):
    runs = [tmp_path / run.parent.name / run.name for run in results.runs]
    for source, target in zip(results.runs, runs, strict=True):
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("interpretation"))
    page = results._replace(runs=runs).page(tmp_path / "page.html")
    assert section(page) is None
    assert "#looks" not in page
    assert "#looks" in html


def test_of_an_earlier_training_nothing_is_shown(results, tmp_path):
    changed = with_record(results, tmp_path, predictions_sha256="0" * 64)
    assert section(changed.page(tmp_path / "page.html")) is None


def test_a_model_without_images_says_so(results, tmp_path):
    changed = with_record(results, tmp_path, occluded_events=(0, 0))
    part = section(changed.page(tmp_path / "page.html"))
    assert part.text.count("This model takes no images.") == 2
    assert "speaks for the class" not in part.text


def test_a_damaged_file_is_named_with_what_to_do(results, crops, tmp_path):
    run = shutil.copytree(results.runs[0], tmp_path / "run")
    path = run / "interpretation" / "images.npz"
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(UserError, match=r"images\.npz was changed .* `calobatch interpret` again"):
        looks_of(read_run(run), crops, "black")


@pytest.mark.parametrize(
    ("aucs", "expected"),
    [
        ((0.7, 0.72, 0.71), "The AUC does not differ significantly between the bins of pt ("),
        (
            (0.7, 0.72, 0.9),
            "The AUC is 0.900 for pt of 30 to 40 [GeV] and 0.700 for pt of ",
        ),
        # A difference of 2.1 standard errors, chosen among ten pairs, is nothing special.
        ((0.7, 0.73, 0.73, 0.74, 0.76), "The AUC does not differ significantly"),
    ],
)
def test_bins_differ_only_by_more_than_chance_makes_the_most_different_pair(aucs, expected):
    assert bins_in_words(Quantity(name="pt", unit="GeV", bins=bins(*aucs)), 0.95).startswith(
        expected
    )


def test_only_inputs_that_are_clearly_needed_are_named(results):
    found = Interpretation.read(results.runs[0] / RECORD)
    energy = Without(name="energy", auc=0.6, difference=-0.2, low=-0.25, high=-0.15)
    time = Without(name="time", auc=0.79, difference=-0.01, low=-0.03, high=0.01)
    assert (
        inputs_in_words(found.model_copy(update={"auc": 0.8, "without": (time, energy)}))
        == "The AUC is clearly lower without energy (0.800 becomes 0.600)."
    )
    assert inputs_in_words(found.model_copy(update={"without": (time,)})).startswith("Without any")


def test_the_patch_that_changes_the_probability_most_is_named_with_its_direction():
    fall_KCHW = np.full((2, 2, 32, 32), 0.01, np.float32)
    fall_KCHW[0, 1, 2:6, 14:18] = -0.2
    fall_KCHW[1] = 0
    photon, electron = strongest_in_words(ELECTRON_PHOTON, fall_KCHW)
    assert "rows 2 to 5 and columns 14 to 17 of time: without it, the probability rises" in photon
    assert "0.200 on average" in photon
    assert electron == "For electron, the probability does not change without any of the patches."
