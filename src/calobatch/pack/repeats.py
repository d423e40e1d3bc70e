"""Find events that have the same image as another event of the dataset.

A network can learn an image by heart. If the same one is in the test split, its score says nothing
about new events.
"""

import sys
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from calobatch.config.dataset import Split
from calobatch.pack.sparsify import Hits
from calobatch.raw.interface import RawFile

# Images with fewer hits can be the same by chance.
FEWEST_HITS = 8
# Odd numbers with as many ones as zeros, from the fractions of the golden ratio and of pi.
_FIRST, _SECOND = np.uint64(0x9E3779B97F4A7C15), np.uint64(0x243F6A8885A308D3)
_SHIFT = np.uint64(29)


def image_keys(hits: Hits) -> NDArray[np.uint64]:
    """Return a hash of each image, shape (B); 0 for images with few hits.

    The hash is the sum of a hash of each hit. Two images have the same one by chance in one of
    10^8 datasets of 500,000 events.
    """
    of_hit = (hits.pixel.astype(np.uint64) << np.uint64(32)) | hits.value.view(np.uint32)
    for factor in (_FIRST, _SECOND):
        # Products of 64 bits wrap around.
        of_hit *= factor
        of_hit ^= of_hit >> _SHIFT
    stop = np.cumsum(hits.per_event)
    sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(of_hit)])
    keys: NDArray[np.uint64] = sums[stop] - sums[stop - hits.per_event]
    return np.where(hits.per_event < FEWEST_HITS, np.uint64(0), keys)


def tell_repeats(
    dataset: str,
    keys: NDArray[np.uint64],
    assigned: NDArray[np.uint8],
    raws: Sequence[RawFile],
    split: Split,
) -> int:
    """Print how many events repeat an image; return how many repeat that of another part.

    ``keys`` and ``assigned`` have the hash and the part of each event, an index into
    ``split.parts``. Of those in another part, events of the first part do not count: for the usual
    splits these are the training events.
    """
    order = np.argsort(keys, kind="stable")
    ordered, part = keys[order], assigned[order]
    begins = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    count = np.diff(np.append(begins, len(ordered)))
    chosen = (count > 1) & (ordered[begins] != 0)
    if not chosen.any():
        return 0
    lowest, highest = np.minimum.reduceat(part, begins), np.maximum.reduceat(part, begins)
    group = np.repeat(np.arange(len(begins)), count)
    across = (chosen & (lowest != highest))[group] & (part != lowest[group])
    repeated, leaked = int(count[chosen].sum() - chosen.sum()), int(across.sum())
    first = begins[np.flatnonzero(chosen)[0]]
    example = " and ".join(_place(int(order[first + k]), raws) for k in range(2))
    parts = "parts" if split.folds else "splits"
    print(
        f"pack {dataset}: {repeated:,} of {len(keys):,} events have the same image as an event "
        f"before them, for example {example}; {leaked:,} of them are in different {parts}, where "
        "their scores look better than those of new events; list files that share no events",
        file=sys.stderr,
    )
    return leaked


def _place(event: int, raws: Sequence[RawFile]) -> str:
    """Return the file of an event and its index there, in words."""
    for raw in raws:
        if event < raw.events:
            return f"event {event} of {raw.path.name}"
        event -= raw.events
    raise ValueError(f"there is no event {event} in the files")
