"""The folder of an interpretation: what it has, and which is refused."""

import shutil

import numpy as np
import pytest

from calobatch.errors import UserError
from calobatch.evaluate.evaluate import evaluate
from calobatch.interpret.interpret import interpret
from calobatch.run.folder import read_run
from calobatch.run.interpretation import (
    Interpretation,
    interpretation_files,
    read_images,
    read_interpretation,
)
from tests.trained import JETS, SETTINGS, THREE, trained

FILES = {"auc_in_bins.png", "confident.png", "images.npz", "interpretation.json", "occlusion.png"}


def interpreted(folder, layout, labels, **changes):
    run, _, _ = trained(layout, labels, folder, 0.1, **changes)
    evaluate(run)
    interpret(run, folder / "store")
    return run


@pytest.fixture(scope="module")
def of_two(tmp_path_factory):
    return interpreted(tmp_path_factory.mktemp("two"), JETS, [0, 1] * 40)


@pytest.fixture
def copy(of_two, tmp_path):
    return shutil.copytree(of_two, tmp_path / "run")


@pytest.mark.parametrize(
    ("layout", "classes", "model", "scalars"),
    [
        (JETS, 2, SETTINGS.model, 2),
        (THREE, 3, SETTINGS.model, len(THREE.scalars)),
        (JETS, 2, "hit_transformer", 0),
    ],
)
def test_the_images_have_the_pixels_of_the_layout(layout, classes, model, scalars, tmp_path):
    run = read_run(interpreted(tmp_path, layout, list(range(classes)) * 40, model=model))
    found, images = read_interpretation(run), read_images(run)
    assert set(interpretation_files(run)) == FILES
    assert images.confident_GCHW.shape == (2 * classes, *layout.shape)
    assert images.occlusion_KCHW.shape == (classes, *layout.shape)
    assert images.occlusion_KCHW.any()
    assert len(found.without) == len(layout.channels) + scalars
    assert found.input_events == sum(run.metrics.splits["test"].confusion[0]) * classes
    for group, image_CHW in zip(found.confident, images.confident_GCHW, strict=True):
        assert bool(group.events) == image_CHW.any()


def test_the_same_run_gives_the_same_bytes(of_two):
    before = {path.name: path.read_bytes() for path in (of_two / "interpretation").iterdir()}
    interpret(of_two, of_two.parent / "store")
    assert {p.name: p.read_bytes() for p in (of_two / "interpretation").iterdir()} == before


def test_a_model_without_images_has_no_occlusion(tmp_path):
    run = interpreted(tmp_path, JETS, [0, 1] * 40, model="tests.interpret.scalars_net")
    found = read_interpretation(read_run(run))
    assert not found.sees_images
    assert [without.name for without in found.without] == ["pt", "m0"]
    assert {path.name for path in (run / "interpretation").iterdir()} == FILES - {"occlusion.png"}
    assert not np.any(read_images(read_run(run)).occlusion_KCHW)


@pytest.mark.parametrize("name", sorted(FILES))
def test_a_file_that_was_changed_is_refused(copy, name):
    path = copy / "interpretation" / name
    path.write_bytes(path.read_bytes().replace(b"a", b"b"))
    with pytest.raises(UserError, match=rf"{name}.*run `calobatch interpret` again"):
        read_interpretation(read_run(copy))


def test_a_run_that_was_not_interpreted_has_none(copy):
    shutil.rmtree(copy / "interpretation")
    assert read_interpretation(read_run(copy)) is None
    assert interpretation_files(read_run(copy)) == {}


def test_the_interpretation_of_an_earlier_training_is_not_that_of_this_one(copy):
    found = Interpretation.read(copy / "interpretation" / "interpretation.json")
    earlier = found.model_copy(update={"predictions_sha256": "0" * 64})
    earlier.write(copy / "interpretation" / "interpretation.json")
    assert read_interpretation(read_run(copy)) is None


def test_another_store_is_refused(copy, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    trained(JETS, [0, 1] * 30, other, 0.1)
    with pytest.raises(UserError, match=r"is not the store that .* was trained on"):
        interpret(copy, other / "store")
    assert read_interpretation(read_run(copy)) is not None
