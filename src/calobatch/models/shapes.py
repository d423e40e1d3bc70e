"""Shapes of an image: some tens of numbers that say how large, wide and uneven it is.

They are those that are used for electromagnetic showers, such as the shares of the energy in
windows round the seed and the widths with logarithmic weights (CMS, arXiv:1502.02702),
and for jets, such as width, pTD and the leading pixels (CMS-PAS-JME-13-002). Here they are defined
for images of any layout, whose centre is the middle pixel.

Each is computed in double precision and then rounded to float32. In float32, sums in a different
order would change the last bits, and an event could end up on the other side of a threshold of a
tree: its score would jump, for example between torch and ONNX.

All shapes of a channel without hits are zero.

Tensor names: B events, C channels, H rows, W columns, P pixels of a channel, K pixels that lead, N
shapes.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

# Moments are multiples of this, in pixels. Otherwise rounding would decide whether the width of a
# single pixel is 0 or 1e-16, which are as different as 0 and 1 for a tree.
GRID = 2.0**-20
# Divisors are at least this, so that an image without hits gives zeros.
TINY = 1e-30
# A pixel has a logarithmic weight if it has at least e^-4.7 = 0.9 % of the sum.
LOG_RANGE = 4.7
# The numbers of leading pixels whose share of the sum is a shape.
LEADING = (1, 2, 3, 5, 10)
# Distances from the centre, in pixels, of the windows whose share of the sum is a shape.
WINDOWS = (0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48)
# Rows and columns up to this distance from the central one have a shape each: their share.
NEAREST = 5


class Shapes(nn.Module):
    """Computes the shapes (B, N) of images in which the ``signed`` channels can be negative."""

    def __init__(self, signed: Sequence[bool]) -> None:
        super().__init__()
        self.signed = [number for number, is_signed in enumerate(signed) if is_signed]
        self.unsigned = [number for number, is_signed in enumerate(signed) if not is_signed]

    def forward(self, image_BCHW: Tensor) -> Tensor:
        """Return all shapes of each event as finite float32."""
        image_BCHW = image_BCHW.double()
        groups = []
        if self.unsigned:
            amount_BCHW = image_BCHW[:, self.unsigned].abs()
            share_BCHW = shares(amount_BCHW)
            groups += [
                sizes(amount_BCHW),
                leading_pixels(share_BCHW),
                windows(share_BCHW),
                rows_and_columns(share_BCHW),
                moments(share_BCHW),
                moments(shares(log_weights(share_BCHW))),
            ]
        if self.signed:
            groups.append(spreads(image_BCHW[:, self.signed], image_BCHW[:, :1].abs()))
        shape_BN = torch.cat([group_BCN.flatten(1) for group_BCN in groups], dim=1)
        largest = torch.finfo(torch.float32).max
        return shape_BN.clamp(-largest, largest).float()


def sizes(amount_BCHW: Tensor) -> Tensor:
    """Return the sum, the number of hits, and pTD = sqrt(sum of squares) / sum, (B, C, 3)."""
    amount_BCP = amount_BCHW.flatten(2)
    sum_BC = amount_BCP.sum(2)
    hits_BC = (amount_BCP > 0).double().sum(2)
    evenness_BC = amount_BCP.square().sum(2).sqrt() / sum_BC.clamp_min(TINY)
    return torch.stack([sum_BC, hits_BC, evenness_BC], dim=2)


def leading_pixels(share_BCHW: Tensor) -> Tensor:
    """Return the shares of the sum in the largest pixels, for each number in ``LEADING``."""
    share_BCP = share_BCHW.flatten(2)
    leading_BCK = share_BCP.topk(min(max(LEADING), share_BCP.shape[2]), dim=2).values
    return torch.stack([leading_BCK[..., :number].sum(2) for number in LEADING], dim=2)


def windows(share_BCHW: Tensor) -> Tensor:
    """Return the shares of the sum in squares round the centre, for each distance in ``WINDOWS``.

    Squares that are wider than the image are left out.
    """
    row_H, column_W = _from_centre(share_BCHW)
    distance_HW = torch.maximum(row_H.abs()[:, None], column_W.abs())
    farthest = max(share_BCHW.shape[2:]) // 2
    inside = [(distance_HW <= distance).double() for distance in WINDOWS if distance <= farthest]
    return share_BCHW.flatten(2) @ torch.stack(inside).flatten(1).T


def rows_and_columns(share_BCHW: Tensor) -> Tensor:
    """Return the share of the sum in each row and column up to ``NEAREST`` from the central one."""
    nearest = []
    for share_BCX in (share_BCHW.sum(3), share_BCHW.sum(2)):
        # The image may have fewer rows or columns than these.
        padded_BCX = functional.pad(share_BCX, (NEAREST, NEAREST))
        centre = share_BCX.shape[2] // 2 + NEAREST
        nearest.append(padded_BCX[..., centre - NEAREST : centre + NEAREST + 1])
    return torch.cat(nearest, dim=2)


def moments(share_BCHW: Tensor) -> Tensor:
    """Return mean row and column, their spreads and covariance, and the mean distance, (B, C, 6).

    Means are counted from the centre, and the distance from the means. All are in pixels, the
    covariance in their square.
    """
    row_H, column_W = _from_centre(share_BCHW)
    of_row_BCH, of_column_BCW = share_BCHW.sum(3), share_BCHW.sum(2)
    row_BC, column_BC = (of_row_BCH * row_H).sum(2), (of_column_BCW * column_W).sum(2)
    off_row_BCH, off_column_BCW = row_H - row_BC[..., None], column_W - column_BC[..., None]
    height_BC = (of_row_BCH * off_row_BCH.square()).sum(2).sqrt()
    width_BC = (of_column_BCW * off_column_BCW.square()).sum(2).sqrt()
    column_of_row_BCH = (share_BCHW * off_column_BCW[:, :, None]).sum(3)
    covariance_BC = (column_of_row_BCH * off_row_BCH).sum(2)
    # Not torch.hypot, which ONNX lacks.
    distance_BCHW = (off_row_BCH.square()[..., None] + off_column_BCW.square()[:, :, None]).sqrt()
    girth_BC = (share_BCHW * distance_BCHW).sum((2, 3))
    found = [row_BC, column_BC, height_BC, width_BC, covariance_BC, girth_BC]
    return on_grid(torch.stack(found, dim=2))


def spreads(value_BCHW: Tensor, amount_B1HW: Tensor) -> Tensor:
    """Return number, extremes, central value, mean and spread of values that can be negative.

    Mean and spread are there twice: of all hits alike, and of pixels that count with ``amount``,
    which is that of the first channel. Shape (B, C, 8).
    """
    hit_BCHW = (value_BCHW != 0).double()
    rows, columns = value_BCHW.shape[2:]
    found = [
        hit_BCHW.sum((2, 3)),
        value_BCHW.amax((2, 3)),
        value_BCHW.amin((2, 3)),
        value_BCHW[:, :, rows // 2, columns // 2],
    ]
    largest_BC = value_BCHW.abs().amax((2, 3))
    relative_BCHW = value_BCHW / largest_BC.clamp_min(TINY)[..., None, None]
    for share_BCHW in (shares(hit_BCHW), shares(amount_B1HW)):
        mean_BC = (share_BCHW * relative_BCHW).sum((2, 3))
        off_BCHW = relative_BCHW - mean_BC[..., None, None]
        variance_BC = (share_BCHW * off_BCHW.square()).sum((2, 3))
        found += [largest_BC * on_grid(mean_BC), largest_BC * on_grid(variance_BC.sqrt())]
    return torch.stack(found, dim=2)


def shares(amount_BCHW: Tensor) -> Tensor:
    """Return the share of each pixel in the sum of its channel; zero if the sum is."""
    return amount_BCHW / amount_BCHW.sum((2, 3), keepdim=True).clamp_min(TINY)


def log_weights(share_BCHW: Tensor) -> Tensor:
    """Return logarithmic weights, with which small pixels count more than in proportion."""
    return (LOG_RANGE + share_BCHW.clamp_min(TINY).log()).clamp_min(0)


def on_grid(value: Tensor) -> Tensor:
    """Return the nearest multiples of ``GRID``."""
    return (value / GRID).round() * GRID


def _from_centre(image_BCHW: Tensor) -> tuple[Tensor, Tensor]:
    """Return the coordinates of rows (H) and of columns (W), from the centre, in pixels."""
    rows, columns = image_BCHW.shape[2:]
    row_H = torch.arange(rows, device=image_BCHW.device) - rows // 2
    column_W = torch.arange(columns, device=image_BCHW.device) - columns // 2
    return row_H.double(), column_W.double()
