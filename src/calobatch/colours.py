"""Colour scales for detector images, for quantities without and with a sign."""

from dataclasses import dataclass

import matplotlib
import numpy as np
from matplotlib.colors import Colormap, LinearSegmentedColormap, LogNorm, Normalize, SymLogNorm
from numpy.typing import NDArray

from calobatch.plotting import BLUE, VERMILLION

DECADES = 3  # powers of ten that a log scale shows
SIZES = matplotlib.colormaps["inferno"]
SIGNED = LinearSegmentedColormap.from_list(
    "signed", ("#d3efff", "#56b4e9", BLUE, SIZES(0), VERMILLION, "#f5a35c", "#ffecd6")
)


@dataclass(frozen=True)
class ColourScale:
    """Maps values to colours, where ``top`` is the largest absolute value.

    ``kind`` is "log" for values without a sign, which shows ``DECADES`` powers of ten below
    ``top``; or, for values with a sign, "linear" or "symlog", which is logarithmic from a tenth of
    ``top`` on and linear below. Zero is black in all of them, so that an image looks the same on a
    light and on a dark page.
    """

    kind: str
    top: float

    def paint(self, image_HW: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return the colours (H, W, 3), from 0 to 1, of an image (H, W)."""
        colours = self.colours(self.norm()(image_HW))
        return np.asarray(colours, dtype=np.float64)[..., :3]

    def ticks(self) -> tuple[str, str, str]:
        """Return the values at the left end, in the middle and at the right end of the scale."""
        if self.kind == "log":
            return tuple(f"{self.top * 10**-d:.2g}" for d in (DECADES, DECADES / 2, 0))  # type: ignore[return-value]
        return f"\N{MINUS SIGN}{self.top:.2g}", "0", f"+{self.top:.2g}"

    def name(self) -> str:
        """Return the kind of the scale in words."""
        return {"log": "log", "linear": "linear", "symlog": "log on both sides of zero"}[self.kind]

    def bar(self) -> NDArray[np.float64]:
        """Return a picture of the scale, one pixel high, as colours (1, 128, 3) from 0 to 1."""
        steps = self.norm().inverse(np.linspace(0, 1, 128))
        return self.paint(np.asarray(steps)[None])

    @property
    def colours(self) -> Colormap:
        """The colours from one end of the scale to the other."""
        return SIZES if self.kind == "log" else SIGNED

    def norm(self) -> Normalize:
        """Return what maps values to the range from 0 to 1, the two ends of the scale."""
        top = self.top or 1.0
        if self.kind == "log":
            return LogNorm(top * 10.0**-DECADES, top, clip=True)
        if self.kind == "linear":
            return Normalize(-top, top, clip=True)
        return SymLogNorm(top / 10, vmin=-top, vmax=top, clip=True)
