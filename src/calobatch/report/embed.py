"""Put pictures into the page: images as base64 PNG, figures as SVG in the colours of the page."""

import base64
import io
import re
from html import escape
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from markupsafe import Markup
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from calobatch.errors import UserError
from calobatch.plotting import BLACK

PLOT_COLOURS = 48


def png(pixels: NDArray[np.floating]) -> str:
    """Return colours (H, W, 3), from 0 to 1, as a PNG of W x H pixels inside a data address."""
    file = io.BytesIO()
    Image.fromarray(np.round(255 * pixels).astype(np.uint8)).save(file, "PNG", optimize=True)
    return _address(file)


def plot(path: Path) -> str:
    """Return a plot that evaluate drew as a small PNG inside a data address.

    Raises UserError if the file is damaged.
    """
    file = io.BytesIO()
    try:
        with Image.open(path) as drawn:
            small = drawn.convert("RGB").resize((drawn.width // 2, drawn.height // 2))
    except OSError as error:
        raise UserError(
            f"{path} cannot be read ({error}); delete it, and run `calobatch evaluate` again"
        ) from None
    # A plot has few colours, and a palette takes a third of the space.
    small.quantize(PLOT_COLOURS).save(file, "PNG", optimize=True)
    return _address(file)


def _address(file: io.BytesIO) -> str:
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode("ascii")


def svg(figure: Figure, name: str, alternative: str) -> Markup:
    """Return ``figure`` as inline SVG in which black is replaced by the text colour of the page.

    ``name`` is put before all identifiers in the SVG, which must differ between the figures of a
    page. ``alternative`` describes the figure in words, for a screen reader.
    """
    file = io.StringIO()
    # Without a date and a version, and with identifiers from a fixed salt, the same figure gives
    # the same text.
    nothing: dict[str, Any] = {"Creator": None, "Date": None, "Format": None, "Type": None}
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
        figure.savefig(file, format="svg", transparent=True, metadata=nothing)
    text = file.getvalue()
    # Inside a page the XML header has no place, and a <style> would apply to the whole page.
    text = re.sub(r"<style.*?</style>|<!--.*?-->", "", text[text.index("<svg") :], flags=re.S)
    text = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{name}-", text)
    text = text.replace(BLACK, "currentColor")
    width, height = (72 * inches for inches in figure.get_size_inches())
    head = (
        f'<svg class="figure" role="img" viewBox="0 0 {width:g} {height:g}">'
        f"<title>{escape(alternative)}</title>"
    )
    return Markup(re.sub(r"<svg[^>]*>", lambda _: head, text, count=1))  # noqa: S704
