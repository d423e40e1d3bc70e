"""Turn an exported graph into ONNX, and compare what it computes with torch."""

from collections.abc import Mapping, Sequence

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray

from calobatch.export.graph import OUTPUT

# The largest difference between the probabilities of onnxruntime and those of torch.
TOLERANCE = 1e-5
# The names of axes whose length is free: that of events, and that of hits.
BATCH, HITS = "batch", "hits"


def as_onnx(
    program: torch.export.ExportedProgram, names: Sequence[str], facts: Mapping[str, str]
) -> bytes:
    """Return the content of an ONNX file with named inputs and a free number of events.

    ``facts`` become the metadata of the model.
    """
    exported = torch.onnx.export(
        program, dynamo=True, input_names=list(names), output_names=[OUTPUT], verbose=False
    )
    assert exported is not None
    model = exported.model_proto
    _name_axes(model)
    onnx.helper.set_model_props(model, dict(facts))
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def refuse_other_scores(
    content: bytes, inputs: Mapping[str, NDArray[np.float32]], expected_BK: NDArray[np.float32]
) -> None:
    """Raise ValueError unless onnxruntime gives ``expected_BK``, for one event and for all."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    for events in (1, len(expected_BK)):
        given = {name: values[:events] for name, values in inputs.items()}
        (found_BK,) = session.run([OUTPUT], given)
        difference = float(np.abs(found_BK - expected_BK[:events]).max())
        # Not `>`, which is false if a probability is not a number.
        if not difference <= TOLERANCE:
            raise ValueError(
                f"onnxruntime gives probabilities that differ by {difference:.1g} from those of "
                "torch"
            )


def free_axes(name: str) -> dict[int, str]:
    """Return the names of the axes of an input whose length is free, by their numbers."""
    return {0: BATCH, 1: HITS} if name == "hits" else {0: BATCH}


def _name_axes(model: onnx.ModelProto) -> None:
    """Name the free axes of inputs and outputs, which torch numbers, such as s74."""
    names = {}
    for value in model.graph.input:
        for number, name in free_axes(value.name).items():
            given = value.type.tensor_type.shape.dim[number].dim_param
            if not given:
                raise ValueError(
                    f"the length of the axis {name!r} is fixed in the model; take it from the "
                    "shape of a tensor, not from len()"
                )
            names[given] = name
    for values in (model.graph.input, model.graph.output, model.graph.value_info):
        for value in values:
            for axis in value.type.tensor_type.shape.dim:
                if axis.dim_param in names:
                    axis.dim_param = names[axis.dim_param]
