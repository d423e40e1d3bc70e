"""Random moves of training images: flips in eta and phi, and shifts by a few pixels.

A move is one combination of flips and shifts. It is stored as a table that says where each pixel
goes, and is applied to the hits before they become an image. Which move an event gets in an epoch
depends on the seed, the epoch and the event only.
"""

import itertools
from typing import cast

import numpy as np
from numpy.typing import NDArray

from calobatch.config.training import Augmentation
from calobatch.layouts import Layout
from calobatch.store import pixel_type

Targets = NDArray[np.uint16] | NDArray[np.uint32]


def gone(targets: Targets) -> int:
    """Return the number that marks a pixel which a move takes out of the image."""
    return int(np.iinfo(targets.dtype).max)


def move_targets(layout: Layout, settings: Augmentation) -> Targets | None:
    """Return the new index of each pixel for each move, as an array of shape (moves, pixels).

    The index is ``gone(targets)`` for a pixel that leaves the image. None if augmentation is off.
    """
    if settings.moves == 1:
        return None
    eta_flips = (False, True) if settings.flip_eta else (False,)
    phi_flips = (False, True) if settings.flip_phi else (False,)
    shifts = range(-settings.shift, settings.shift + 1)
    moves = itertools.product(eta_flips, phi_flips, shifts, shifts)
    return cast(Targets, np.stack([_target(layout, *move).ravel() for move in moves]))


def _target(
    layout: Layout, flip_eta: bool, flip_phi: bool, shift_eta: int, shift_phi: int
) -> Targets:
    """Return the new index of each pixel for one move, shape (C, H, W)."""
    row = np.arange(layout.height)[:: -1 if flip_eta else 1] + shift_eta
    column = np.arange(layout.width)[:: -1 if flip_phi else 1] + shift_phi
    channel = np.arange(len(layout.channels))
    target_CHW = (channel[:, None, None] * layout.height + row[:, None]) * layout.width + column
    row_stays, column_stays = _is_inside(row, layout.height), _is_inside(column, layout.width)
    stays = row_stays[:, None] & column_stays
    kind = pixel_type(layout.pixels)
    return np.where(stays, target_CHW, np.iinfo(kind).max).astype(kind)


def _is_inside(index: NDArray[np.int64], size: int) -> NDArray[np.bool_]:
    return (index >= 0) & (index < size)


def draw_moves(
    events: int, settings: Augmentation, *, seed: int, epoch: int
) -> NDArray[np.int64] | None:
    """Return the number of the move that each event of a store gets in an epoch, shape (events).

    Returns None if augmentation is off.
    """
    if settings.moves == 1:
        return None
    # The order of events is drawn from [seed, epoch]. The third number gives the moves their own
    # random sequence.
    return np.random.default_rng([seed, epoch, 1]).integers(settings.moves, size=events)
