"""Random moves of training images: flips in eta and phi, and shifts by a few pixels.

A move is a map of pixels, applied to the hits before they become an image. Which move an event
gets in an epoch is a pure function of seed, epoch and event.
"""

import itertools

import numpy as np
from numpy.typing import NDArray

from calobatch.config.models import Augmentation
from calobatch.layouts import Layout
from calobatch.train.densify import GONE


def move_targets(layout: Layout, settings: Augmentation) -> NDArray[np.uint16] | None:
    """Return where each pixel goes under each move, (moves, pixels); GONE: out of the image.

    None if all stay where they are.
    """
    if settings.moves == 1:
        return None
    eta_flips = (False, True) if settings.flip_eta else (False,)
    phi_flips = (False, True) if settings.flip_phi else (False,)
    shifts = range(-settings.shift, settings.shift + 1)
    moves = itertools.product(eta_flips, phi_flips, shifts, shifts)
    return np.stack([_target(layout, *move).ravel() for move in moves])


def _target(
    layout: Layout, flip_eta: bool, flip_phi: bool, shift_eta: int, shift_phi: int
) -> NDArray[np.uint16]:
    row = np.arange(layout.height)[:: -1 if flip_eta else 1] + shift_eta
    column = np.arange(layout.width)[:: -1 if flip_phi else 1] + shift_phi
    channel = np.arange(len(layout.channels))
    target_CHW = (channel[:, None, None] * layout.height + row[:, None]) * layout.width + column
    row_stays, column_stays = _is_inside(row, layout.height), _is_inside(column, layout.width)
    stays = row_stays[:, None] & column_stays
    return np.where(stays, target_CHW, GONE).astype(np.uint16)


def _is_inside(index: NDArray[np.int64], size: int) -> NDArray[np.bool_]:
    return (index >= 0) & (index < size)


def draw_moves(
    events: int, settings: Augmentation, *, seed: int, epoch: int
) -> NDArray[np.int64] | None:
    """Return the move of every event of a store in an epoch, (events); None if all stay."""
    if settings.moves == 1:
        return None
    # The third number sets this apart from the order of the events.
    return np.random.default_rng([seed, epoch, 1]).integers(settings.moves, size=events)
