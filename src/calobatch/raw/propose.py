"""Propose a layout for the content of a raw file. What cannot be known is marked as a guess."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from calobatch.layouts import MOST_CLASSES
from calobatch.raw.contents import Entry

# Names that labels often have, the most usual ones first.
LABEL_NAMES = ("y", "label", "labels", "target", "targets", "class", "classes", "kind", "truth")
WEIGHT_NAMES = ("weight", "weights", "event_weight", "eventweight", "evt_weight", "mc_weight")
# The most channels that an axis is taken for; rows and columns are longer.
MOST_CHANNELS = 12


class Parts(NamedTuple):
    """What the keys of a file are taken for: images, labels, weights, and numbers beside them."""

    images: tuple[Entry, ...]
    label: Entry | None
    weight: Entry | None
    scalars: tuple[Entry, ...]


def parts_of(entries: Sequence[Entry]) -> Parts:
    """Return what the keys are taken for.

    Images are all keys whose values have the shape of the largest one, with two or three axes.
    """
    pictures = [e for e in entries if len(e.shape) in (2, 3) and e.numbers is not None]
    largest = max(pictures, key=lambda e: int(np.prod(e.shape)), default=None)
    images = tuple(e for e in pictures if largest is not None and e.shape == largest.shape)
    values = [e for e in entries if e.shape in ((), (1,))]
    numbers = [e for e in values if e.numbers is not None]
    weight = next((e for e in numbers if _last_name(e) in WEIGHT_NAMES), None)
    label = _label_among([e for e in values if e is not weight])
    scalars = tuple(e for e in numbers if e is not label and e is not weight)
    return Parts(images, label, weight, scalars)


def _last_name(entry: Entry) -> str:
    return entry.name.rpartition("/")[2].lower()


def _label_among(entries: Sequence[Entry]) -> Entry | None:
    possible = [e for e in entries if _classes(e)]
    named = [e for name in LABEL_NAMES for e in possible if _last_name(e) == name]
    # A number such as a count of hits may be whole too, so without a name the fewest values win.
    return next(iter([*named, *sorted(possible, key=lambda e: len(_classes(e)))]), None)


def _classes(entry: Entry) -> list[str]:
    """Return names of the classes, if the values can be labels; otherwise an empty list.

    They are the values themselves if these are text.
    """
    if entry.texts:
        return entry.texts if 2 <= len(entry.texts) <= MOST_CLASSES else []
    if entry.numbers is None or not entry.numbers.size:
        return []
    if not np.isin(entry.numbers, np.arange(MOST_CLASSES)).all():
        return []
    return [f"class_{label}" for label in range(max(int(entry.numbers.max()) + 1, 2))]


def _note_on_labels(label: Entry) -> str:
    """Return what a user has to know of the names of the classes."""
    if label.texts:
        return "as the file names them; the first has label 0; of two, the second is the signal"
    names = "the names of labels 0, 1, ..."
    if label.numbers is not None and label.numbers.min() > 0:
        names += "; no event of the sample has label 0: labels must count from 0"
    return names


def proposal(entries: Sequence[Entry]) -> str:
    """Return a layout as YAML, with a comment on each guess.

    Returns an empty text if the file has no images.
    """
    images, label, weight, scalars = parts_of(entries)
    if not images:
        return ""
    first = images[0]
    channels, rows, columns, order = _axes(first.shape)
    lines = [
        "# yaml-language-server: $schema=../../workflow/schemas/layout.schema.json",
        "title: ...",
    ]
    if label is None:
        lines.append("classes: [first, second]  # no key looks like labels; one class per file?")
    else:
        names = ", ".join(map(_plain, _classes(label)))
        lines.append(f"classes: [{names}]  # {_note_on_labels(label)}")
    lines.append("channels:")
    if len(images) == 1:
        lines += [f"  - {{name: channel {k + 1}, unit: ...{_sign(first, order, k)}}}"
                  for k in range(channels)]  # fmt: skip
    else:
        lines += [f"  - {{name: {_plain(e.name)}, unit: ..., key: {_plain(e.name)}"
                  f"{_sign(e, None, 0)}}}" for e in images]  # fmt: skip
    lines.append(f"rows: {{number: {rows}, name: row}}")
    lines.append(f"columns: {{number: {columns}, name: column}}")
    if len(images) == 1:
        lines.append(
            f"image: {_plain(first.name)}{'' if order is None else f'  # channels {order}'}"
        )
    if label is not None:
        lines.append(f"label: {_plain(label.name)}")
    if weight is not None:
        lines.append(
            f"weight: {_plain(weight.name)}  # remove the line if all events count the same"
        )
    if scalars:
        lines.append("scalars:  # numbers that models may use; remove what must not help them")
        lines += [f"  - {_scalar(e)}" for e in scalars]
    return "\n".join(lines) + "\n"


def _axes(shape: tuple[int, ...]) -> tuple[int, int, int, str | None]:
    """Return the number of channels, rows and columns, and where the channels are."""
    if len(shape) == 2:
        return 1, shape[0], shape[1], None
    first, _, last = shape
    if last <= MOST_CHANNELS and last <= first:
        return last, shape[0], shape[1], "last"
    return first, shape[1], shape[2], "first"


def _sign(entry: Entry, order: str | None, channel: int) -> str:
    """Return the key of a signed channel, if a tenth of its range is below zero."""
    if (numbers := entry.numbers) is None:
        return ""
    if order == "last":
        numbers = numbers[..., channel]
    elif order == "first":
        numbers = numbers[:, channel]
    low, high = (float(numbers.min()), float(numbers.max())) if numbers.size else (0.0, 0.0)
    return ", signed: true" if -low > 0.1 * high else ""


def _scalar(entry: Entry) -> str:
    name = "".join(c if c.isalnum() else "_" for c in entry.name.rpartition("/")[2].lower())
    key = "" if name == entry.name else f", key: {_plain(entry.name)}"
    return f"{{name: {name}, unit: ...{key}}}"


def _plain(text: str) -> str:
    """Return text as YAML takes it, in quotes if it needs them."""
    simple = text.replace("_", "").replace("/", "").isalnum() and not text[0].isdigit()
    return (
        text if simple and text.lower() not in ("y", "n", "yes", "no", "on", "off") else f"'{text}'"
    )
