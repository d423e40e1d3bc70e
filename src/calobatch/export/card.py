"""The model card: what a model tells apart, how well, what it is not for, and how to call it."""

from collections.abc import Mapping, Sequence

from calobatch.export.graph import OUTPUT
from calobatch.export.onnx_file import TOLERANCE
from calobatch.layouts import Layout
from calobatch.run.files import EXAMPLE_FILE, ONNX_FILE, TORCH_FILE, WEIGHTS_FILE
from calobatch.run.folder import RunFolder
from calobatch.run.mark import MEANINGS
from calobatch.run.metrics import SplitMetrics
from calobatch.store import Manifest
from calobatch.words import counted

CALL = """\
import numpy as np
import onnxruntime

session = onnxruntime.InferenceSession("{file}")
example = np.load("{example}")
# For your own events, put arrays of the types and shapes above in place of the example's, for
# instance np.load("mine.npy").astype("float32").
events = {{name: example[name] for name in {names}}}
(probabilities,) = session.run(["{output}"], events)
for event in probabilities:
    print(dict(zip({classes}, event.tolist())))
"""


def card(
    run: RunFolder,
    manifest: Manifest,
    names: Sequence[str],
    towers: Mapping[str, int],
    fault: str,
) -> str:
    """Return the model card in Markdown.

    ``names`` are the inputs of the model, and ``towers`` the sizes of its towers
    (:mod:`calobatch.hits`). ``fault`` says why it could not be exported; empty if it was.
    """
    record, layout = run.record, manifest.layout
    *first, last = layout.classes
    kind = f": {layout.title}" if layout.title else ""
    parts = [
        f"# {record.task}, {record.name.number}",
        f"A classifier of {', '.join(first)} and {last}{kind}. Model {record.training.model}, "
        f"{record.parameters:,} parameters, {counted(record.epochs_run, 'epoch')}; the weights are "
        f"those of epoch {record.best_epoch}.",
        "## Data",
        _data(run, manifest),
        "## How good it is",
        _results(run, layout),
        "## What it is not for",
        _limits(run, manifest),
        "## What goes in and what comes out",
        _interface(layout, names, towers, manifest.zero_below),
        "## How to call it",
        _calling(layout, names, fault),
        "## Where it comes from",
        _origin(run),
    ]
    return "\n\n".join(parts) + "\n"


def _data(run: RunFolder, manifest: Manifest) -> str:
    split = ", ".join(
        f"{sum(of_class.values()):,} {name}" for name, of_class in manifest.counts.items()
    )
    files = "".join(
        f"\n| {source.file} | {source.events:,} | `{source.sha256[:16]}` |"
        for source in manifest.sources
    )
    origin = (
        "The events are simulated by calobatch, not by a full detector simulation."
        if manifest.simulated
        else "The events were read from these files:"
    )
    weights = f"The weight of each event is {manifest.weights}. " if manifest.weighted else ""
    return (
        f"Dataset {manifest.dataset}, events: {split}. {weights}{origin}\n\n"
        f"| file | events | SHA-256 begins with |\n|---|---|---|{files}"
    )


def _results(run: RunFolder, layout: Layout) -> str:
    metrics = run.metrics
    rows = "".join(_row(name, found) for name, found in metrics.splits.items())
    several = len(layout.classes) > 2
    mean = "; mean over the classes, each against all others" if several else ""
    text = (
        f"AUC with its {metrics.confidence:.0%} interval (bootstrap over events{mean}):\n\n"
        f"| split | AUC | interval | accuracy | calibration error |\n|---|---|---|---|---|{rows}"
    )
    test = metrics.splits["test"]
    if test.effective_events is not None:
        text += (
            "\n\nEvents count with their weights; those of the test split are as precise as "
            f"{test.effective_events:,.0f} events without weights."
        )
    if run.record.mark:
        text += f"\n\n**Do not use this model: {MEANINGS[run.record.mark]}.**"
    return text


def _row(name: str, found: SplitMetrics) -> str:
    return (
        f"\n| {name} | {found.auc:.4f} | {found.auc_low:.4f} to {found.auc_high:.4f} "
        f"| {found.accuracy:.4f} | {found.calibration_error:.4f} |"
    )


def _limits(run: RunFolder, manifest: Manifest) -> str:
    train = manifest.counts["train"]
    shares = ", ".join(f"{count / sum(train.values()):.1%} {name}" for name, count in train.items())
    points = [
        "Detectors, selections or energies other than those of the data above: nothing is known "
        "about its scores there.",
        f"Reading a score as a probability where the shares of the classes are not {shares}.",
        "Classes that it was not trained on: it gives every event one of its own classes.",
    ]
    if manifest.simulated:
        points.insert(
            0,
            "Physics results: it was trained on simulated stand-ins, and its AUC is not "
            "comparable with results on the public data.",
        )
    return "\n".join(f"* {point}" for point in points)


def _interface(
    layout: Layout, names: Sequence[str], towers: Mapping[str, int], zero_below: float
) -> str:
    channels = "; ".join(f"{c.name}{f' in {c.unit}' if c.unit else ''}" for c in layout.channels)
    scalars = "; ".join(f"{s.name}{f' in {s.unit}' if s.unit else ''}" for s in layout.scalars)
    shape = ", ".join(map(str, layout.shape))
    meanings = {
        "image": f"(events, {shape}): channels ({channels}), rows, columns",
        "hits": f"(events, hits, {2 + len(layout.channels)}): row and column of a pixel, counted "
        f"from 0, and its values ({channels})",
        "scalars": f"(events, {len(layout.scalars)}): {scalars}",
    }
    explained = f"\n\n{_hits(towers, zero_below)}" if "hits" in names else ""
    rows = "".join(f"\n| `{name}` | float32 {meanings[name]} |" for name in names)
    inside = "" if explained else "; the preparation of the events is inside the model"
    return (
        f"All values are in the units of the raw files{inside}.\n\n"
        f"| name | type and shape |\n|---|---|{rows}\n"
        f"| `{OUTPUT}` | float32 (events, {len(layout.classes)}): the probabilities of "
        f"{', '.join(layout.classes)} |{explained}"
    )


def _hits(towers: Mapping[str, int], zero_below: float) -> str:
    """Return how to make the hits of an event."""
    first = (
        f"First set every value of an image that is closer to zero than {zero_below:g} to zero. "
        if zero_below
        else ""
    )
    squares = "".join(
        f" Channel {name} has one value per tower of {size} x {size} pixels: add up the pixels of "
        f"a tower, and give the sum to its pixel in row and column {size // 2}, counted from 0."
        for name, size in towers.items()
    )
    return (
        f"{first}An event has one hit for each pixel that is not zero in at least one channel, in "
        f"any order.{squares} Fill up shorter events with hits of zeros until all have the same "
        "number. `calobatch.hits.HitMaker` makes hits from images."
    )


def _calling(layout: Layout, names: Sequence[str], fault: str) -> str:
    if fault:
        return (
            f"The model could not be exported{fault}. `{WEIGHTS_FILE}` has its weights; build the "
            "model with the options in the metadata of that file (JSON, key `calobatch`), and load "
            "them."
        )
    code = CALL.format(
        file=ONNX_FILE,
        example=EXAMPLE_FILE,
        names=list(names),
        output=OUTPUT,
        classes=list(layout.classes),
    )
    return (
        f"`pip install numpy onnxruntime`, and in this folder:\n\n```python\n{code}```\n\n"
        f"`{EXAMPLE_FILE}` has real test events and their probabilities, on which onnxruntime and "
        f"torch agree to {TOLERANCE:g}. `{TORCH_FILE}` is the same graph for `torch.export.load`, "
        f"and `{WEIGHTS_FILE}` has the weights, with the settings of the model as metadata "
        "(JSON, key `calobatch`)."
    )


def _origin(run: RunFolder) -> str:
    record = run.record
    made = record.provenance
    packages = ", ".join(f"{name} {v}" for name, v in made.packages.items() if v)
    dirty = " with changes that were not committed" if made.git_dirty else ""
    lines = {
        "commit": f"{made.git_commit or 'unknown'}{dirty}",
        "training": f"`{record.identity}` (a hash of settings, seed, data, code and versions)",
        "packed data": f"`{record.dataset_sha256}`",
        "packages": packages,
        "device": f"{record.device}, {counted(record.ranks, 'rank')}",
    }
    return "\n".join(f"* {name}: {text}" for name, text in lines.items())
