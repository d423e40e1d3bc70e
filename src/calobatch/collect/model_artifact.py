"""Log the exported model of a run to MLflow, with its signature and an example."""

import warnings
from collections.abc import Iterable

import mlflow
import numpy as np
import onnx
from mlflow import MlflowClient
from mlflow.models import ModelSignature
from mlflow.types import Schema, TensorSpec

from calobatch.provenance import version_of
from calobatch.run.exported import exported_files
from calobatch.run.files import EXAMPLE_FILE, EXPORT_FOLDER, ONNX_FILE
from calobatch.run.folder import RunFolder

FLOAT32 = np.dtype(np.float32)


def log_model(run: RunFolder, run_id: str) -> str | None:
    """Log the model of ``run`` to the MLflow run ``run_id``, and the files that export wrote.

    Return the model's id, or None if the model could not be exported.

    `mlflow.pyfunc` and `mlflow models serve` score events in the units of the raw files with it.
    If a model could not be exported, MLflow has only its weights.
    """
    exported = exported_files(run.folder)
    for name, path in exported.items():
        if name != ONNX_FILE:
            MlflowClient().log_artifact(run_id, str(path), EXPORT_FOLDER)
    if ONNX_FILE not in exported:
        return None
    model = onnx.load(exported[ONNX_FILE])
    names = [value.name for value in model.graph.input]
    with np.load(exported[EXAMPLE_FILE]) as arrays:
        example = {name: arrays[name] for name in arrays.files}
    with mlflow.start_run(run_id=run_id), warnings.catch_warnings():
        # MLflow warns about its own future versions, which users cannot do anything about.
        warnings.simplefilter("ignore")
        logged = mlflow.onnx.log_model(
            model,
            name="model",
            signature=ModelSignature(
                _schema(model.graph.input),
                _schema(model.graph.output),
            ),
            # One event, because MLflow writes it as text.
            input_example={name: example[name][:1] for name in names},
            pip_requirements=[f"{name}=={version_of(name)}" for name in ("onnx", "onnxruntime")],
        )
    return str(logged.model_id)


def _schema(values: Iterable[onnx.ValueInfoProto]) -> Schema:
    """Return names and shapes, in which MLflow writes -1 for a free length."""
    shapes = {value.name: value.type.tensor_type.shape.dim for value in values}
    return Schema(
        [
            TensorSpec(FLOAT32, tuple(-1 if axis.dim_param else axis.dim_value for axis in axes), n)
            for n, axes in shapes.items()
        ]
    )
