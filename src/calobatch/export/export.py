"""Export the model of a finished training: ONNX, torch.export, safetensors, and a model card.

The exported graphs take events in the units of the raw files, and return probabilities.
"""

import io
import json
import logging
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save
from torch import nn

from calobatch.atomic import atomic_path, write_text
from calobatch.checksum import sha256_of
from calobatch.config.model_file import model_source
from calobatch.export.card import card
from calobatch.export.facts import facts_of
from calobatch.export.graph import OUTPUT, RawEvents
from calobatch.export.onnx_file import as_onnx, free_axes, refuse_other_scores
from calobatch.models.blame import line_in_file
from calobatch.models.build import build_model, input_names, load_weights, towers_of
from calobatch.models.inputs import ModelInputs
from calobatch.run.exported import ExportRecord
from calobatch.run.files import (
    CARD_FILE,
    EXAMPLE_FILE,
    EXPORT_FILE,
    EXPORT_FOLDER,
    EXPORTED_FILES,
    GRAPH_FILES,
    ONNX_FILE,
    TORCH_FILE,
    WEIGHTS_FILE,
)
from calobatch.run.folder import read_run, store_of
from calobatch.run.training import Preparation
from calobatch.store import Store

AUTO = torch.export.Dim.AUTO
# Number of real events on which ONNX and torch must agree, and that users get as an example.
EXAMPLES = 8


def export(folder: Path, store_folder: Path) -> None:
    """Export the model of the run in ``folder``; it was trained on the store in ``store_folder``.

    Of a model that torch or ONNX cannot export, only the weights are written; standard error and
    the model card say so. Raises UserError if a file of the run is missing or damaged, or if the
    store is not the one of the training.
    """
    run = read_run(folder)
    record, store = run.record, store_of(run, store_folder)
    model = build_model(record.training.model, record.layout, record.training.model_options).eval()
    load_weights(model, run.file(WEIGHTS_FILE))
    # The records of older versions do not have the preparation, but the store's manifest does.
    preparation = record.preparation or Preparation(
        zero_below=store.manifest.zero_below, scalars=store.manifest.scalars
    )
    target = folder / EXPORT_FOLDER
    # Those of an earlier training, the record first.
    for name in (*reversed(EXPORTED_FILES), *GRAPH_FILES):
        (target / name).unlink(missing_ok=True)
    names = input_names(model)
    graph = RawEvents(model, names, preparation).eval()
    inputs = _examples(store, ModelInputs.of_model(model, record.layout))
    with torch.no_grad():
        expected_BK = graph(*map(torch.from_numpy, inputs.values())).numpy()
    facts = facts_of(record, names, preparation)
    with atomic_path(target / WEIGHTS_FILE) as partial:
        # One text with all facts, because safetensors writes several in a random order, and the
        # same model must give the same bytes.
        metadata = {"calobatch": json.dumps(facts, sort_keys=True)}
        partial.write_bytes(save(model.state_dict(), metadata=metadata))
    try:
        graphs, fault = _graphs(graph, inputs, expected_BK, facts), ""
    except (MemoryError, OSError):
        raise  # which are no faults of the model
    # The exporters have many kinds of errors, and the code of a model can raise anything.
    except Exception as error:
        graphs, fault = {}, _fault(error, record.training.model)
    for name, content in graphs.items():
        with atomic_path(target / name) as partial:
            partial.write_bytes(content)
    if fault:
        print(
            f"export: {record.name} has only its weights, because model "
            f"{record.training.model} cannot be exported{fault}",
            file=sys.stderr,
            flush=True,
        )
    with atomic_path(target / EXAMPLE_FILE) as partial, partial.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **inputs, **{OUTPUT: expected_BK})
    write_text(target / CARD_FILE, card(run, store.manifest, names, towers_of(model), fault))
    written = [*graphs, *(name for name in EXPORTED_FILES if name != EXPORT_FILE)]
    checksums = {name: sha256_of(target / name) for name in written}
    ExportRecord(files=checksums, fault=fault).write(target / EXPORT_FILE)
    print(f"export: wrote {target}", flush=True)


def _examples(store: Store, inputs: ModelInputs) -> dict[str, NDArray[np.float32]]:
    """Return the first test events of a store in the units of the raw files."""
    events = store.events_of("test")[:EXAMPLES]
    found = inputs.of(store.dense(events), store.scalars_BS[events].astype(np.float32))
    values = {name: tensor.numpy() for name, tensor in zip(inputs.names, found, strict=True)}
    if "hits" in values:
        # One more hit, of zeros: the exporter would take a single one for a constant, too.
        values["hits"] = np.pad(values["hits"], [(0, 0), (0, 1), (0, 0)])
    return values


def _graphs(
    graph: nn.Module,
    inputs: Mapping[str, NDArray[np.float32]],
    expected_BK: NDArray[np.float32],
    facts: Mapping[str, str],
) -> dict[str, bytes]:
    """Return the contents of the files with the graph; raise whatever the exporters raise."""
    with _silence():
        # The exporter takes a batch size of 1 for a constant, and the examples are more.
        program = torch.export.export(
            graph,
            tuple(map(torch.from_numpy, inputs.values())),
            dynamic_shapes=(tuple(dict.fromkeys(free_axes(name), AUTO) for name in inputs),),
        )
        onnx = as_onnx(program, tuple(inputs), facts)
        refuse_other_scores(onnx, inputs, expected_BK)
        for_torch = io.BytesIO()
        torch.export.save(program, for_torch)
    return {ONNX_FILE: onnx, TORCH_FILE: for_torch.getvalue()}


def _fault(error: Exception, model: str) -> str:
    """Return why a model cannot be exported, with the line of its file if there is one."""
    line = line_in_file(error, str(model_source(model)))
    first = next((line for line in str(error).splitlines() if line.strip()), "")
    return f"{f' at {line}' if line else ''}: {type(error).__name__}: {first}"


@contextmanager
def _silence() -> Iterator[None]:
    """Keep out of the log what the exporters say about themselves, and pages about their faults."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with redirect_stderr(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
