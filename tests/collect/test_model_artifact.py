"""The model that MLflow has of a training, and what it scores."""

import shutil
import threading
import time

import mlflow
import numpy as np
import pytest
import requests
import uvicorn
from mlflow.pyfunc import scoring_server
from mlflow.tracking import MlflowClient

from calobatch.collect.collect import collect
from calobatch.run.exported import ExportRecord
from calobatch.run.predictions import read_predictions
from calobatch.store import open_store
from tests.collect.mlflow_content import children

EXPORTED = {"card.md", "example.npz", "model.pt2", "model.safetensors"}


@pytest.fixture
def run_id(collected):
    mlflow.set_tracking_uri(collected[0])
    return children(collected[0])[0].info.run_id


@pytest.fixture
def images_and_scores(runs):
    """Test events, and the scores that the training gave them."""
    store = open_store(runs[0].parents[1] / "store")
    scores = read_predictions(runs[0] / "predictions.parquet")["test"].score
    return store.dense(store.events_of("test")), scores


def test_the_logged_model_gives_the_scores_of_the_predictions(run_id, images_and_scores):
    images, expected = images_and_scores
    model = mlflow.pyfunc.load_model(f"runs:/{run_id}/model")
    found = model.predict({"image": images})["probabilities"]
    np.testing.assert_allclose(found[:, 1], expected, atol=1e-5)


def test_the_server_of_mlflow_scores_an_event(run_id, images_and_scores):
    """What `mlflow models serve` serves, and how."""
    images, expected = images_and_scores
    model = mlflow.pyfunc.load_model(f"runs:/{run_id}/model")
    server = uvicorn.Server(uvicorn.Config(scoring_server.init(model), port=0, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.05)
        port = server.servers[0].sockets[0].getsockname()[1]
        address = f"http://127.0.0.1:{port}/invocations"
        event = {"inputs": {"image": images[:1].tolist()}}
        answer = requests.post(address, json=event, timeout=60)
    finally:
        server.should_exit = True
        thread.join()
    assert answer.status_code == 200, answer.text
    ((_, score),) = answer.json()["predictions"]["probabilities"]
    assert score == pytest.approx(expected[0], abs=1e-5)


def test_the_logged_model_has_a_signature_and_an_example(run_id):
    info = mlflow.models.get_model_info(f"runs:/{run_id}/model")
    (given,), (returned,) = info.signature.inputs.inputs, info.signature.outputs.inputs
    assert (given.name, given.shape) == ("image", (-1, 2, 32, 32))
    assert (returned.name, returned.shape) == ("probabilities", (-1, 2))
    example = mlflow.models.Model.load(f"runs:/{run_id}/model").load_input_example()
    assert np.shape(example["image"]) == (1, 2, 32, 32)


def test_everything_else_that_was_exported_is_beside_the_model(run_id):
    found = MlflowClient().list_artifacts(run_id, "export")
    assert {file.path.removeprefix("export/") for file in found} == EXPORTED


def test_a_model_that_cannot_be_exported_is_there_as_its_weights(scenario, runs, tmp_path):
    run = tmp_path / "seed1"
    shutil.copytree(runs[0], run)
    record = ExportRecord.read(run / "export" / "export.json")
    left = {k: v for k, v in record.files.items() if k not in ("model.onnx", "model.pt2")}
    record.model_copy(update={"files": left}).write(run / "export" / "export.json")
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    collect(scenario, [run], uri, tmp_path / "leaderboard.csv")
    client, (found,) = MlflowClient(uri), children(uri)
    assert found.data.tags["calobatch.state"] == "current"
    names = {
        file.path.removeprefix("export/")
        for file in client.list_artifacts(found.info.run_id, "export")
    }
    assert names == EXPORTED - {"model.pt2"}
    assert not client.list_artifacts(found.info.run_id, "model")
