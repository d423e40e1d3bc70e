"""The names of the files in the folder of a run.

This module imports no package, because the head process on a login node needs the names and has
neither pyarrow nor torch.
"""

from collections.abc import Iterable
from pathlib import Path

# Written by train. The record is written last, so a folder with a record is a finished training.
WEIGHTS_FILE = "model.safetensors"
HISTORY_FILE = "history.jsonl"
PREDICTIONS_FILE = "predictions.parquet"
RECORD_FILE = "run.json"
TRAINING_FILES = (WEIGHTS_FILE, HISTORY_FILE, PREDICTIONS_FILE, RECORD_FILE)
# What an interrupted training, or one with more epochs, continues from.
CHECKPOINT_FOLDER = "checkpoint"
# In the folder of a scenario's results: the runs that others have replaced. Its name begins with a
# dot, so that it is no task.
EARLIER_FOLDER = ".earlier"
# Names the process that trains, or that trained last.
LOCK_FILE = ".lock"
# The last checkpoint of a training that has finished.
FINISHED_CHECKPOINT = f"{CHECKPOINT_FOLDER}/finished.pt"
# Written by evaluate. The metrics are written last, so a folder with metrics has all plots.
PLOTS_FOLDER = "plots"
PLOTS = ("roc", "scores", "history", "calibration", "confusion")
METRICS_FILE = "metrics.json"
# Written by ensemble, beside predictions of its own; an ensemble has no training history.
ENSEMBLE_FILE = "ensemble.json"
PLOTS_OF_ENSEMBLE = tuple(plot for plot in PLOTS if plot != "history")
# Written by export. The record is written last, so a folder with a record is complete.
EXPORT_FOLDER = "export"
EXPORT_FILE = "export.json"
ONNX_FILE = "model.onnx"
TORCH_FILE = "model.pt2"
EXAMPLE_FILE = "example.npz"
CARD_FILE = "card.md"
EXPORTED_FILES = (WEIGHTS_FILE, EXAMPLE_FILE, CARD_FILE, EXPORT_FILE)
# Written too, unless torch or ONNX cannot export the model.
GRAPH_FILES = (ONNX_FILE, TORCH_FILE)
# Written by interpret. The record is written last, so a folder with a record is complete.
INTERPRETATION_FOLDER = "interpretation"
INTERPRETATION_FILE = "interpretation.json"
IMAGES_FILE = "images.npz"
BINS_PLOT, CONFIDENT_PLOT = "auc_in_bins.png", "confident.png"
INTERPRETATION_FILES = (BINS_PLOT, CONFIDENT_PLOT, IMAGES_FILE, INTERPRETATION_FILE)
# Written too, if the model takes images or hits.
OCCLUSION_PLOT = "occlusion.png"


def missing_files(folder: Path, names: Iterable[str]) -> list[str]:
    """Return the ``names`` that are not files in ``folder``, in their order."""
    return [name for name in names if not (folder / name).is_file()]


def plot_path(folder: Path, plot: str) -> Path:
    """Return the path of a plot of :data:`PLOTS` in a run folder."""
    return folder / PLOTS_FOLDER / f"{plot}.png"


def plots_in(folder: Path) -> list[Path]:
    """Return the files of all plots that a run folder has, sorted by name."""
    return sorted((folder / PLOTS_FOLDER).glob("*.png"))
