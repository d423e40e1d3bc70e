"""Describe raw files for a person, and propose a layout that packs them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from calobatch.progress import Progress
from calobatch.raw.contents import Entry, contents
from calobatch.raw.propose import parts_of, proposal

# The most different values that are counted one by one.
MOST_COUNTED = 12


def inspect(files: Sequence[Path]) -> str:
    """Return a description of each file, and a layout for the first one.

    Ranges, counts and fills are those of up to 1,000 events at equal distances. Raises UserError
    if a file cannot be read.
    """
    found = {}
    with Progress("inspect", len(files), "files") as progress:
        for path in files:
            found[path] = contents(path)
            progress.advance(1)
    texts = [_described(path, entries) for path, entries in found.items()]
    first = next(iter(found))
    if layout := proposal(found[first]):
        texts.append(
            f"# A layout for {first.name}. Save it as config/layouts/NAME.yaml, and correct the "
            f"guesses.\n{layout}"
        )
    else:
        texts.append(f"# {first} has no key with images (two or three axes), so no layout fits it.")
    return "\n\n".join(texts)


def _described(path: Path, entries: Sequence[Entry]) -> str:
    size = path.stat().st_size
    lines = [f"{path}: {size / 1e6:,.1f} MB"]
    parts = parts_of(entries)
    for entry in entries:
        shape = " x ".join(map(str, entry.shape)) or "one number"
        lines.append(
            f"  {entry.name}: {entry.events:,} events, {shape}, {entry.kind}, {entry.storage}"
        )
        if facts := _facts(entry, is_image=entry in parts.images):
            lines.append(f"    {facts}")
    # As comments, so that all that is printed can be saved as a layout.
    return "\n".join(f"# {line}" for line in lines)


def _facts(entry: Entry, *, is_image: bool) -> str:
    """Return the values of a sample in a few words."""
    if entry.texts:
        more = len(entry.texts) - MOST_COUNTED
        return ", ".join([*entry.texts[:MOST_COUNTED], *([f"{more:,} others"] * (more > 0))])
    numbers = entry.numbers
    if numbers is None or not numbers.size:
        return ""
    odd = int(np.sum(~np.isfinite(numbers)))
    notes = [f"{odd:,} values are not finite"] if odd else []
    finite = numbers[np.isfinite(numbers)]
    if finite.size:
        distinct, counts = np.unique(finite, return_counts=True)
        if not is_image and len(distinct) <= MOST_COUNTED:
            shares = counts / counts.sum()
            pairs = zip(distinct, shares, strict=True)
            notes.insert(0, ", ".join(f"{value:g}: {share:.0%}" for value, share in pairs))
        else:
            notes.insert(0, f"{finite.min():.4g} to {finite.max():.4g}")
    if is_image:
        notes.append(f"{np.count_nonzero(numbers) / numbers.size:.2%} of the pixels are not zero")
        empty = np.mean(~numbers.reshape(len(numbers), -1).any(axis=1))
        if empty:
            notes.append(f"{empty:.1%} of the images are empty")
    return "; ".join(notes)
