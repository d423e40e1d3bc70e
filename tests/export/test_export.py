"""What is exported scores the events of raw files as the training did, without calobatch."""

import json
import re
import shutil
import subprocess
import sys

import numpy as np
import onnx
import onnxruntime
import pyarrow.parquet as pq
import pytest
import torch
from safetensors import safe_open

from calobatch.errors import UserError
from calobatch.evaluate.evaluate import evaluate
from calobatch.export.export import export
from calobatch.hits import HitMaker
from calobatch.layouts import Layout
from tests.trained import JETS, THREE, trained

TOWERS = {"towers": {JETS.channels[-1].name: 3}}
FILES = {"export.json", "card.md", "example.npz", "model.onnx", "model.pt2", "model.safetensors"}


def exported(folder, layout, labels, zero_below, **changes):
    run, _, events = trained(layout, labels, folder, zero_below, **changes)
    evaluate(run)
    export(run, folder / "store")
    return run, events


@pytest.fixture(scope="module")
def of_two(tmp_path_factory):
    return exported(tmp_path_factory.mktemp("two"), JETS, [0, 1] * 40, 0.1)


@pytest.fixture(scope="module")
def of_three(tmp_path_factory):
    return exported(tmp_path_factory.mktemp("three"), THREE, [0, 1, 2] * 40, 0.0)


def exported_of_hits(folder, **options):
    settings = {"model": "hit_transformer", "model_options": TOWERS | options}
    return exported(folder, JETS, [0, 1] * 40, 0.1, **settings)


@pytest.fixture(scope="module")
def of_hits(tmp_path_factory):
    return exported_of_hits(tmp_path_factory.mktemp("hits"))


@pytest.fixture(params=["of_two", "of_three"])
def case(request):
    return request.getfixturevalue(request.param)


def as_in_files(events):
    """The inputs of the exported graph; scalars only if the layout has some."""
    given = {"image": events.image_BCHW, "scalars": events.scalars_BS}
    return {name: values.astype(np.float32) for name, values in given.items() if values.size}


def scores_of(run):
    table = pq.read_table(run / "predictions.parquet")
    columns = [table[name].to_numpy() for name in table.column_names if name.startswith("score")]
    return np.stack([1 - columns[0], *columns] if len(columns) == 1 else columns, axis=1)


def test_onnx_gives_the_scores_of_the_training_to_events_as_they_are_in_raw_files(case):
    run, events = case
    assert {path.name for path in (run / "export").iterdir()} == FILES
    session = onnxruntime.InferenceSession(run / "export" / "model.onnx")
    (found,) = session.run(["probabilities"], as_in_files(events))
    np.testing.assert_allclose(found, scores_of(run), atol=1e-5)
    (one,) = session.run(["probabilities"], {k: v[:1] for k, v in as_in_files(events).items()})
    np.testing.assert_allclose(one, found[:1], atol=1e-5)


# Fewer and more keys than the events here have hits.
@pytest.mark.parametrize("options", [{}, {"keys": 5}, {"keys": 500}], ids=str)
def test_a_model_of_hits_scores_any_number_of_them_as_the_training_did(options, tmp_path):
    run, events = exported_of_hits(tmp_path, **options)
    image_BCHW = events.image_BCHW.astype(np.float32)
    image_BCHW[np.abs(image_BCHW) < np.float32(0.1)] = 0
    hit_BLF = HitMaker(JETS, TOWERS["towers"]).of_images(image_BCHW)
    assert 5 < hit_BLF.shape[1] < 500
    more_BLF = np.pad(hit_BLF, [(0, 0), (0, 7), (0, 0)])
    session = onnxruntime.InferenceSession(run / "export" / "model.onnx")
    (axes,) = (list(value.shape) for value in session.get_inputs())
    assert axes == ["batch", "hits", 2 + len(JETS.channels)]
    for given in (hit_BLF, more_BLF):
        (found,) = session.run(["probabilities"], {"hits": given})
        np.testing.assert_allclose(found, scores_of(run), atol=1e-5)
    card = (run / "export" / "card.md").read_text()
    assert "every value of an image that is closer to zero than 0.1 to zero" in card
    assert "one value per tower of 3 x 3 pixels" in card
    assert "inside the model" not in card


def test_the_onnx_model_says_what_it_is(of_two):
    model = onnx.load(of_two[0] / "export" / "model.onnx")
    shapes = {
        value.name: [axis.dim_param or axis.dim_value for axis in value.type.tensor_type.shape.dim]
        for value in (*model.graph.input, *model.graph.output)
    }
    channels, rows, columns = JETS.shape
    assert shapes == {
        "image": ["batch", channels, rows, columns],
        "scalars": ["batch", 2],
        "probabilities": ["batch", 2],
    }
    facts = {entry.key: entry.value for entry in model.metadata_props}
    assert Layout.model_validate_json(facts["layout"]) == JETS
    assert json.loads(facts["preparation"])["zero_below"] == 0.1


def test_torch_gives_the_same_scores(case):
    run, events = case
    graph = torch.export.load(run / "export" / "model.pt2").module()
    found = graph(*map(torch.from_numpy, as_in_files(events).values()))
    np.testing.assert_allclose(found.detach().numpy(), scores_of(run), atol=1e-5)


def test_the_weights_come_with_what_is_needed_to_build_the_model(of_two):
    run, _ = of_two
    with safe_open(run / "export" / "model.safetensors", "pt") as of_export:
        facts = json.loads(of_export.metadata()["calobatch"])
        with safe_open(run / "model.safetensors", "pt") as of_training:
            assert set(of_export.keys()) == set(of_training.keys())
            for name in of_training.keys():  # noqa: SIM118 (it is no dictionary)
                assert torch.equal(of_export.get_tensor(name), of_training.get_tensor(name))
    assert (facts["model"], facts["model_options"]) == ("tests.predict.small_net", "{}")


def test_the_same_model_is_exported_to_the_same_bytes(of_two):
    run, _ = of_two
    compared = ("model.safetensors", "model.onnx", "card.md", "example.npz")
    before = {name: (run / "export" / name).read_bytes() for name in compared}
    export(run, run.parent / "store")
    assert {name: (run / "export" / name).read_bytes() for name in compared} == before


@pytest.mark.parametrize("kind", ["of_two", "of_three", "of_hits"])
def test_the_program_in_the_card_scores_events_without_calobatch(kind, request):
    """It runs as a user would run it, where calobatch and torch cannot be imported."""
    run, _ = request.getfixturevalue(kind)
    (program,) = re.findall(
        r"```python\n(.*?)```", (run / "export" / "card.md").read_text(), re.DOTALL
    )
    assert program.count("\n") <= 20
    forbidden = "import sys\nsys.modules['calobatch'] = sys.modules['torch'] = None\n"
    answer = subprocess.run(
        [sys.executable, "-c", forbidden + program],
        cwd=run / "export",
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert answer.returncode == 0, answer.stderr
    found = [list(eval(line).values()) for line in answer.stdout.splitlines()]
    table = pq.read_table(run / "predictions.parquet")
    tests = np.flatnonzero(np.array(table["split"].to_pylist()) == "test")[: len(found)]
    assert len(found) == 8
    np.testing.assert_allclose(found, scores_of(run)[tests], atol=1e-5)


def test_the_card_says_on_what_and_how_well_it_was_trained(of_three):
    run, _ = of_three
    text = (run / "export" / "card.md").read_text()
    metrics = json.loads((run / "metrics.json").read_text())["splits"]["test"]
    assert f"| test | {metrics['auc']:.4f} | {metrics['auc_low']:.4f} to" in text
    assert "A classifier of muon, pion and kaon" in text
    for name in ("first.parquet", "second.hdf5"):
        assert f"| {name} | 60 | `" in text


def test_another_store_is_refused(of_two, of_three):
    with pytest.raises(UserError, match=r"is not the store that .* was trained on; train again"):
        export(of_two[0], of_three[0].parent / "store")


BRANCHING = """
from torch import nn


class Model(nn.Module):
    inputs = ("image",)

    def __init__(self, layout):
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(layout.pixels, 3))

    def forward(self, image):
        if image.sum() > 0:
            image = image * 2
        return self.layers(image)
"""


def test_of_a_model_that_cannot_be_exported_there_are_the_weights(
    of_three, tmp_path, monkeypatch, capfd
):
    """torch.export cannot follow a branch that depends on the events."""
    (tmp_path / "group").mkdir()
    (tmp_path / "group" / "branching.py").write_text(BRANCHING)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    run, _, _ = trained(THREE, [0, 1, 2] * 40, tmp_path, 0.0, model="group.branching")
    evaluate(run)
    shutil.copytree(of_three[0] / "export", run / "export")  # of an earlier model
    capfd.readouterr()
    export(run, tmp_path / "store")
    assert {path.name for path in (run / "export").iterdir()} == FILES - {"model.onnx", "model.pt2"}
    line = 1 + BRANCHING.splitlines().index("        if image.sum() > 0:")
    reason = f"group.branching cannot be exported at line {line} of {tmp_path / 'group'}"
    (said,) = capfd.readouterr().err.splitlines()
    assert said.startswith("export: task seed 1 has only its weights, because model ")
    assert reason in said
    assert f"could not be exported at line {line} of" in (run / "export" / "card.md").read_text()
