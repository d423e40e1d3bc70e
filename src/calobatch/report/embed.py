"""Pictures inside the page: pixels as base64 PNG, figures as SVG that takes the page's colours."""

import base64
import io
import re
from html import escape
from typing import Any

import matplotlib
import numpy as np
from markupsafe import Markup
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from calobatch.plotting import BLACK


def png(pixels: NDArray[np.floating]) -> str:
    """Return (H, W, 3) colours from 0 to 1 as a data address of a PNG, one pixel a value."""
    file = io.BytesIO()
    Image.fromarray(np.round(255 * pixels).astype(np.uint8)).save(file, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode("ascii")


def svg(figure: Figure, name: str, alternative: str) -> Markup:
    """Return ``figure`` as inline SVG; black becomes the page's text colour.

    ``name`` keeps the identifiers of several figures on one page apart.
    """
    file = io.StringIO()
    nothing: dict[str, Any] = {"Creator": None, "Date": None, "Format": None, "Type": None}
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
        figure.savefig(file, format="svg", transparent=True, metadata=nothing)
    text = file.getvalue()
    text = re.sub(r"<style.*?</style>|<!--.*?-->", "", text[text.index("<svg") :], flags=re.S)
    text = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{name}-", text)
    text = text.replace(BLACK, "currentColor")
    width, height = (72 * inches for inches in figure.get_size_inches())
    head = (
        f'<svg class="figure" role="img" viewBox="0 0 {width:g} {height:g}">'
        f"<title>{escape(alternative)}</title>"
    )
    return Markup(re.sub(r"<svg[^>]*>", lambda _: head, text, count=1))  # noqa: S704
