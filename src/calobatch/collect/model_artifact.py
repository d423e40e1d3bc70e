"""Log the trained model to MLflow, with its signature, as an exported graph without pickle."""

import warnings

import mlflow
import numpy as np
from mlflow.models import ModelSignature
from mlflow.types import Schema, TensorSpec
from torch import nn

from calobatch.layouts import layout_named
from calobatch.models.build import build_model, example_inputs, input_names, load_weights
from calobatch.run.files import WEIGHTS_FILE
from calobatch.run.folder import RunFolder


def log_model(run: RunFolder, run_id: str) -> None:
    """Log the model of ``run`` to the MLflow run ``run_id``; `mlflow.pytorch.load_model` reads it.

    The logged model takes what the model's ``forward`` takes and returns logits (B, 2). If that is
    an image alone, `mlflow.pyfunc` scores it too; MLflow has no such way for two tensors. Raises
    UserError if the weights in the run folder do not fit the model.
    """
    record = run.record
    layout = layout_named(record.layout)
    model = build_model(record.training.model, layout, record.training.model_options).eval()
    load_weights(model, run.file(WEIGHTS_FILE))
    # The exporter takes a batch size of 1 for a constant, and the model would accept no other.
    example = tuple(tensor.numpy() for tensor in example_inputs(model, layout, batch=2))
    # Without the local part (+cpu, +cu126), which the package index does not have.
    torch_version = record.provenance.packages["torch"].partition("+")[0]
    with mlflow.start_run(run_id=run_id), warnings.catch_warnings():
        # The exporter warns about its own future versions, which users cannot do anything about.
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
    float32, names = np.dtype(np.float32), input_names(model)
    # MLflow would pass a tensor that has a name as a dictionary, which its own PyTorch models do
    # not take. Without a name, `mlflow.pyfunc` and `mlflow models serve` score an array.
    if len(names) == 1:
        inputs = [TensorSpec(float32, (-1, *example[0].shape[1:]))]
    else:
        named = zip(names, example, strict=True)
        inputs = [TensorSpec(float32, (-1, *array.shape[1:]), name) for name, array in named]
    return ModelSignature(Schema(inputs), Schema([TensorSpec(float32, (-1, 2), "logits")]))
