"""interpretation/: what a model looks at in the events of the test split, as interpret found it."""

from pathlib import Path
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from calobatch.atomic import atomic_path
from calobatch.checksum import sha256_of
from calobatch.errors import reading
from calobatch.record import Record
from calobatch.run.checked import check_written
from calobatch.run.files import (
    IMAGES_FILE,
    INTERPRETATION_FILE,
    INTERPRETATION_FOLDER,
    PREDICTIONS_FILE,
)
from calobatch.run.folder import RunFolder


class Bin(Record):
    """The AUC of the test events whose value is at least ``low`` and less than ``high``.

    The last bin also has the events at its upper end.
    """

    low: float
    high: float
    events: int
    auc: float
    auc_low: float
    auc_high: float


class Quantity(Record):
    """The AUC in bins of a quantity, each with about the same number of test events.

    There are no ``bins`` if there are too few events for two of them.
    """

    name: str
    unit: str
    bins: tuple[Bin, ...]


class Confident(Record):
    """The test events of one class that the model gave the highest probabilities.

    They are events that it was ``right`` about, or else those that it took for another class.
    ``lowest`` is the smallest of the probabilities, that of the predicted class; None without
    events.
    """

    of_class: str
    right: bool
    events: int
    lowest: float | None


class Without(Record):
    """How the AUC changes if an input is taken away from the trained model.

    A channel is zero in all events, and a scalar has the mean of the training split. The interval
    of the ``difference`` is that of a paired bootstrap.
    """

    name: str
    auc: float
    difference: float
    low: float
    high: float


class Interpretation(Record):
    """What a trained model looks at in test events.

    ``predictions_sha256`` says which predictions it was made from, and with them which training.
    ``confidence`` is the coverage of all intervals. ``auc`` is that of the ``input_events`` with
    which ``without`` was measured. Patches of ``patch`` x ``patch`` pixels were set to zero in
    ``occluded_events`` of each class, in one channel at a time; there are none if the model takes
    no images. ``files`` has the SHA-256 of each other file of the folder.
    """

    fix: ClassVar[str] = "run `calobatch interpret` again"

    predictions_sha256: str
    confidence: float
    quantities: tuple[Quantity, ...]
    confident: tuple[Confident, ...]
    input_events: int
    auc: float
    without: tuple[Without, ...]
    patch: int
    occluded_events: tuple[int, ...]
    files: dict[str, str]

    @property
    def sees_images(self) -> bool:
        """Whether the model takes images or hits, so that patches of them could be set to zero."""
        return any(self.occluded_events)


class Images(NamedTuple):
    """The images of an interpretation, in the pixels of the layout.

    ``confident_GCHW`` has the mean image of each group of ``Interpretation.confident``, which is
    zero without events. ``occlusion_KCHW`` says for each class by how much the probability of the
    true class falls, on average, if the patch that a pixel is in is set to zero in this channel. It
    is zero if the model takes no images.
    """

    confident_GCHW: NDArray[np.float32]
    occlusion_KCHW: NDArray[np.float32]


def read_interpretation(run: RunFolder) -> Interpretation | None:
    """Return what interpret found about a run, or None if it has not interpreted this training.

    Raises UserError if a file is missing or was changed since.
    """
    folder = run.folder / INTERPRETATION_FOLDER
    if not (folder / INTERPRETATION_FILE).exists():
        return None
    record = Interpretation.read(folder / INTERPRETATION_FILE)
    if record.predictions_sha256 != sha256_of(run.folder / PREDICTIONS_FILE):
        return None  # that of an earlier training
    check_written(folder, record.files, "interpret")
    return record


def interpretation_files(run: RunFolder) -> dict[str, Path]:
    """Return the files that interpret wrote for a run, by their names; none without them.

    Raises UserError if a file is missing or was changed since.
    """
    record = read_interpretation(run)
    names = () if record is None else (*record.files, INTERPRETATION_FILE)
    return {name: run.folder / INTERPRETATION_FOLDER / name for name in names}


def write_images(images: Images, folder: Path) -> None:
    """Write the images of an interpretation to its ``folder``; the same images, the same bytes."""
    with atomic_path(folder / IMAGES_FILE) as partial, partial.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **images._asdict())


def read_images(run: RunFolder) -> Images:
    """Read the images of an interpretation; raise UserError if the file is damaged."""
    path = run.folder / INTERPRETATION_FOLDER / IMAGES_FILE
    with reading(path, Interpretation.fix), np.load(path) as arrays:
        return Images(*(arrays[name] for name in Images._fields))
