"""The trained model in MLflow, with its signature, as an exported graph without pickle."""

import warnings

import mlflow
import numpy as np
from mlflow.models import ModelSignature
from mlflow.types import Schema, TensorSpec
from torch import nn

from calobatch.layouts import layout_named
from calobatch.models.build import build_model, example_inputs, input_names, load_weights
from calobatch.run.folder import WEIGHTS_FILE, RunFolder


def log_model(run: RunFolder, run_id: str) -> None:
    """Log the model of ``run`` to the MLflow run; `mlflow.pytorch.load_model` reads it back.

    Its inputs are those of the model's forward; it returns logits (B, 2).
    """
    record = run.record
    layout = layout_named(record.layout)
    model = build_model(record.training.model, layout, record.training.model_options).eval()
    load_weights(model, run.folder / WEIGHTS_FILE)
    # Of a batch of one, the exporter would make a constant.
    example = tuple(tensor.numpy() for tensor in example_inputs(model, layout, batch=2))
    torch_version = record.provenance.packages["torch"].partition("+")[0]
    with mlflow.start_run(run_id=run_id), warnings.catch_warnings():
        # What the exporter says of its own future is nothing that a user could act on.
        warnings.simplefilter("ignore")
        mlflow.pytorch.log_model(
            model,
            name="model",
            signature=_signature(model, example),
            input_example=example,
            serialization_format="pt2",
            pip_requirements=[f"torch=={torch_version}"],
        )


def _signature(model: nn.Module, example: tuple[np.ndarray, ...]) -> ModelSignature:
    float32 = np.dtype(np.float32)
    named = zip(input_names(model), example, strict=True)
    inputs = [TensorSpec(float32, (-1, *array.shape[1:]), name) for name, array in named]
    return ModelSignature(Schema(inputs), Schema([TensorSpec(float32, (-1, 2), "logits")]))
