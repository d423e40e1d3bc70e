"""The style that all plots share (size, fonts, ticks, colours), and how a figure is saved."""

from pathlib import Path

from matplotlib import style
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from calobatch.atomic import atomic_path

# The palette of Okabe and Ito, which people with any kind of colour blindness can tell apart
# (https://jfly.uni-koeln.de/color/).
BLUE, VERMILLION, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
ORANGE, SKY, BLACK, GREY = "#E69F00", "#56B4E9", "#000000", "#7F7F7F"
# Two of Paul Tol's muted scheme, for the same readers (https://personal.sron.nl/~pault).
WINE, OLIVE = "#882255", "#999933"
CLASS_COLOURS = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY)
CLASS_LINES = ("-", "--", "-.", ":")
SPLIT_COLOURS = {"train": GREEN, "validation": PURPLE, "test": BLACK}
SPLIT_LINES = {"train": "--", "validation": "-.", "test": "-"}

SIMULATED_NOTE = "simulated stand-in data"
WIDTH, HEIGHT, DPI = 8.0, 6.0, 150  # inches, inches, pixels per inch: 1200 x 900
PADDING = 0.08  # inches
LEGEND_POINTS = 11
STYLE = {
    "font.family": "DejaVu Sans",  # comes with matplotlib, so every machine draws the same
    "font.size": 12,
    "axes.labelsize": 14,
    "axes.linewidth": 1.0,
    "legend.fontsize": LEGEND_POINTS,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "xaxis.labellocation": "right",
    "yaxis.labellocation": "top",
    "xtick.direction": "in",
    "ytick.direction": "in",
    "xtick.top": True,
    "ytick.right": True,
    "xtick.minor.visible": True,
    "ytick.minor.visible": True,
    "xtick.major.pad": 6,
    "ytick.major.pad": 6,
    "xtick.major.size": 7,
    "ytick.major.size": 7,
    "xtick.minor.size": 3.5,
    "ytick.minor.size": 3.5,
}


def class_colour(number: int) -> str:
    """Return the colour of a class; with more than six classes, colours repeat."""
    return CLASS_COLOURS[number % len(CLASS_COLOURS)]


def class_line(number: int) -> str:
    """Return the line style of a class, which differs where the colours repeat."""
    return CLASS_LINES[number % len(CLASS_LINES)]


def new_figure(
    title: str = "", *, simulated: bool = False, width: float = WIDTH, height: float = HEIGHT
) -> Figure:
    """Return an empty figure of ``width`` x ``height`` inches in the shared style.

    The ``title`` is at the top left; ``simulated`` adds a note at the top right. Matplotlib reads
    its style whenever something is drawn, so the style stays set for the rest of the process.
    """
    # "default" first, so that the user's own matplotlibrc does not change the plots.
    style.use(["default", STYLE])
    # The layout engine keeps the axes out of this band at the top.
    band = 0.36 / height if title or simulated else 0.0
    layout = ConstrainedLayoutEngine(rect=(0, 0, 1, 1 - band), w_pad=PADDING, h_pad=PADDING)
    figure = Figure(figsize=(width, height), dpi=DPI, layout=layout)
    FigureCanvasAgg(figure)
    centre = 1 - 0.6 * band
    figure.text(0.012, centre, title, weight="bold", va="center")
    if simulated:
        figure.text(0.988, centre, SIMULATED_NOTE, color=VERMILLION, va="center", ha="right")
    return figure


def legend_below(figure: Figure) -> None:
    """Add a legend below the axes, and make the figure higher by as much: it never hides a curve.

    Its entries are in as many columns as fit, at most three. Names that are too long for one column
    are written smaller.
    """
    for columns in (3, 2, 1):
        legend = figure.legend(
            loc="outside lower center",
            ncols=columns,
            borderpad=0,
            columnspacing=1,
            handlelength=1.2,
            handletextpad=0.5,
        )
        size = legend.get_window_extent()
        if size.width <= figure.bbox.width or columns == 1:
            break
        legend.remove()
    if size.width > figure.bbox.width:
        for text in legend.get_texts():
            text.set_fontsize(0.9 * LEGEND_POINTS * figure.bbox.width / size.width)
    figure.set_figheight(figure.get_figheight() + size.height / figure.dpi)


def save(figure: Figure, path: Path) -> None:
    """Write ``figure`` as PNG, either the whole file or nothing.

    The same figure gives the same bytes: the name and version of matplotlib are left out.
    """
    with atomic_path(path) as partial:
        figure.savefig(partial, format="png", metadata={"Software": None})
