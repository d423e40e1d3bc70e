"""Draw the rooms of calobatch and which room imports which: docs/pictures/rooms.png.

`python -m benchmarks.rooms` draws the picture from the imports in the code. A room is a package of
src/calobatch, or the module store. The other modules are helpers: a room that imports a helper
gets arrows to the rooms behind it, and helpers that import no room are listed at the bottom.
"""

import ast
import textwrap
from typing import NamedTuple

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from calobatch.checkout import CHECKOUT

SOURCE = CHECKOUT / "src" / "calobatch"
PICTURE = CHECKOUT / "docs" / "pictures" / "rooms.png"

STAGES = (
    "simulate",
    "fetch",
    "pack",
    "train",
    "ensemble",
    "evaluate",
    "export",
    "interpret",
    "collect",
    "predict",
    "publish",
    "report",
)
# Drawn as a band at the top: it imports every room, and its arrows would cross all others.
TOP = "verbs"
# In the band at the bottom, with the helpers: every room imports it.
BOTTOM = "config"

LETTERS_PER_LINE = 185

STAGE, CONTRACT, SERVICE, OTHER = "#d6e6f5", "#fbe0b5", "#d9ecd2", "#ececec"
INK, LINE = "#222222", "#555555"


class Box(NamedTuple):
    """A room in the picture: its edges, what it does, and its colour."""

    left: float
    right: float
    bottom: float
    top: float
    text: str
    colour: str


Point = tuple[float, float]

BOXES = {
    "workflow": Box(0.2, 3.75, 4.9, 5.6, "decides for the rules: files, jobs", OTHER),
    "slurm": Box(4.05, 5.15, 4.9, 5.6, "jobs, doctor", OTHER),
    "plan": Box(5.45, 6.45, 4.9, 5.6, "cost of GPUs", OTHER),
    "communicator": Box(6.7, 8.4, 4.9, 5.6, "sums over ranks", SERVICE),
    "models": Box(8.6, 13.09, 4.9, 5.6, "one file per network", SERVICE),
    "compare": Box(13.19, 14.09, 4.9, 5.6, "significance", OTHER),
    "watch": Box(14.19, 15.64, 4.9, 5.6, "live progress", OTHER),
    "simulate": Box(0.2, 1.45, 3.2, 3.9, "makes raw files", STAGE),
    "fetch": Box(1.75, 3.0, 3.2, 3.9, "gets raw files", STAGE),
    "pack": Box(3.3, 4.85, 3.2, 3.9, "raw files to store", STAGE),
    "search": Box(5.8, 6.52, 3.2, 3.9, "trials", STAGE),
    "train": Box(6.62, 7.94, 3.2, 3.9, "store to run", STAGE),
    "evaluate": Box(8.02, 8.94, 3.2, 3.9, "metrics", STAGE),
    "ensemble": Box(9.02, 10.04, 3.2, 3.9, "mean scores", STAGE),
    "export": Box(10.12, 10.82, 3.2, 3.9, "ONNX", STAGE),
    "interpret": Box(10.9, 11.86, 3.2, 3.9, "maps", STAGE),
    "predict": Box(11.94, 12.72, 3.2, 3.9, "scores", STAGE),
    "publish": Box(12.8, 13.58, 3.2, 3.9, "folder", STAGE),
    "report": Box(13.66, 14.31, 3.2, 3.9, "page", STAGE),
    "collect": Box(14.39, 15.64, 3.2, 3.9, "MLflow", STAGE),
    "public": Box(0.9, 2.4, 1.7, 2.4, "table, checksums", SERVICE),
    "raw": Box(2.7, 4.1, 1.7, 2.4, "reads raw files", SERVICE),
    "store": Box(4.3, 7.3, 1.3, 2.4, "contract 1: a packed dataset", CONTRACT),
    "run": Box(7.6, 14.56, 1.7, 2.4, "contract 2: what a training leaves behind", CONTRACT),
    "tracking": Box(14.74, 15.64, 1.7, 2.4, "MLflow", SERVICE),
}
# Arrows whose rooms are neither above each other nor side by side, as corners of a line.
ROUTES: dict[tuple[str, str], tuple[Point, ...]] = {
    ("workflow", "public"): ((1.6, 4.9), (1.6, 2.4)),
    ("pack", "public"): ((3.4, 3.2), (3.4, 2.62), (2.2, 2.62), (2.2, 2.4)),
    ("predict", "raw"): ((12.06, 3.2), (12.06, 3.08), (3.95, 3.08), (3.95, 2.4)),
    ("export", "store"): ((10.24, 3.2), (10.24, 2.96), (6.6, 2.96), (6.6, 2.4)),
    ("interpret", "store"): ((11.02, 3.2), (11.02, 2.9), (6.4, 2.9), (6.4, 2.4)),
    ("interpret", "compare"): ((11.78, 3.9), (11.78, 4.65), (13.3, 4.65), (13.3, 4.9)),
    ("train", "models"): ((7.8, 3.9), (7.8, 4.4), (8.7, 4.4), (8.7, 4.9)),
    ("train", "run"): ((7.77, 3.2), (7.77, 2.4)),
    ("slurm", "communicator"): ((4.6, 5.6), (4.6, 5.8), (7.5, 5.8), (7.5, 5.6)),
    ("slurm", "run"): ((5.0, 4.9), (5.0, 2.6), (7.95, 2.6), (7.95, 2.4)),
    ("workflow", "run"): (
        (3.67, 4.9),
        (3.67, 4.4),
        (5.2, 4.4),
        (5.2, 2.72),
        (8.1, 2.72),
        (8.1, 2.4),
    ),
    ("plan", "train"): ((6.38, 4.9), (6.38, 4.4), (6.9, 4.4), (6.9, 3.9)),
    ("search", "run"): ((6.44, 3.2), (6.44, 2.66), (8.36, 2.66), (8.36, 2.4)),
    ("plan", "run"): ((5.7, 4.9), (5.7, 2.84), (8.25, 2.84), (8.25, 2.4)),
    ("report", "models"): ((13.74, 3.9), (13.74, 4.4), (12.99, 4.4), (12.99, 4.9)),
    ("compare", "run"): ((13.62, 4.9), (13.62, 2.4)),
    ("collect", "compare"): ((14.54, 3.9), (14.54, 4.4), (13.94, 4.4), (13.94, 4.9)),
    ("watch", "run"): ((14.35, 4.9), (14.35, 2.4)),
    ("report", "store"): ((13.76, 3.2), (13.76, 3.02), (6.9, 3.02), (6.9, 2.4)),
}


def imports() -> dict[str, set[str]]:
    """Return, for each package and module of calobatch, the other ones that it imports."""
    found: dict[str, set[str]] = {}
    for path in sorted(SOURCE.rglob("*.py")):
        name = path.relative_to(SOURCE).parts[0].removesuffix(".py")
        imported = found.setdefault(name, set())
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            modules = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            modules += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            imported |= {m.split(".")[1] for m in modules if m.startswith("calobatch.")} - {name}
    return {name: imported for name, imported in found.items() if name not in ("__init__", "cli")}


def rooms(found: dict[str, set[str]]) -> set[str]:
    """Return the rooms: all packages, and the store."""
    return {name for name in found if (SOURCE / name).is_dir()} | {"store"}


def helpers(found: dict[str, set[str]]) -> list[str]:
    """Return, sorted, the modules that import no room except that of the bottom band."""
    return sorted(name for name in set(found) - rooms(found) if not _rooms_behind(name, found))


def arrows(found: dict[str, set[str]]) -> set[tuple[str, str]]:
    """Return the pairs (importing room, imported room), without the rooms in the two bands."""
    return {
        (room, imported)
        for room in rooms(found) - {TOP, BOTTOM}
        for imported in _rooms_behind(room, found)
    }


def _rooms_behind(name: str, found: dict[str, set[str]]) -> set[str]:
    """Return the rooms that ``name`` imports, itself or through helpers."""
    direct = found[name] & rooms(found)
    through = found[name] - rooms(found)
    return direct.union(*(_rooms_behind(helper, found) for helper in through)) - {name, BOTTOM}


def draw(found: dict[str, set[str]]) -> Figure:
    """Return the picture. Raises ValueError if a room or an arrow has no place in it."""
    if missing := rooms(found) - set(BOXES) - {TOP, BOTTOM}:
        raise ValueError(f"{', '.join(sorted(missing))}: add the room to BOXES in {__file__}")
    figure = Figure(figsize=(13.9, 6.2))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, 15.77), ylim=(0, 7.0))
    axes.axis("off")
    _band(axes, 6.2, 6.8, TOP,
          "one verb per stage and more; imports the rooms below when a verb is called")  # fmt: skip
    names = ", ".join(helpers(found))
    _band(axes, 0.05, 0.85, BOTTOM, f"and helpers, which any room may import: {names}")
    for name, box in BOXES.items():
        _room(axes, name, box)
    for importer, imported in sorted(arrows(found)):
        _arrow(axes, _route(importer, imported))
    axes.text(0.2, 1.25, "An arrow goes from a room to a room that it imports.", fontsize=9,
              color=LINE, va="center")  # fmt: skip
    _legend(axes)
    return figure


def _room(axes: Axes, name: str, box: Box) -> None:
    width, height = box.right - box.left, box.top - box.bottom
    style = "round,pad=0,rounding_size=0.08"
    axes.add_patch(
        FancyBboxPatch((box.left, box.bottom), width, height, boxstyle=style, linewidth=1.0,
                       facecolor=box.colour, edgecolor=LINE)
    )  # fmt: skip
    middle = (box.left + box.right) / 2, (box.bottom + box.top) / 2
    lines = 1 + box.text.count("\n")
    axes.text(middle[0], middle[1] + 0.03 + 0.1 * lines, name, fontsize=11.5, weight="bold",
              color=INK, ha="center", va="center")  # fmt: skip
    axes.text(middle[0], middle[1] - 0.17, box.text, fontsize=9, color=INK, ha="center",
              va="center", linespacing=1.4)  # fmt: skip


def _band(axes: Axes, bottom: float, top: float, name: str, text: str) -> None:
    lines = "\n".join(textwrap.wrap(text, LETTERS_PER_LINE))
    _room(axes, name, Box(0.2, 15.64, bottom, top, lines, OTHER))


def _legend(axes: Axes) -> None:
    kinds = (
        ("stage of the workflow", STAGE),
        ("contract between stages", CONTRACT),
        ("used by stages", SERVICE),
    )
    for left, (name, colour) in zip((8.7, 10.8, 13.05), kinds, strict=True):
        axes.add_patch(FancyBboxPatch((left, 1.12), 0.25, 0.14, boxstyle="square,pad=0",
                                      facecolor=colour, edgecolor=LINE, linewidth=0.8))  # fmt: skip
        axes.text(left + 0.35, 1.19, name, fontsize=9, color=LINE, va="center")


def _route(importer: str, imported: str) -> tuple[Point, ...]:
    """Return the corners of an arrow: straight if the rooms are in line, else as in ROUTES."""
    if (importer, imported) in ROUTES:
        return ROUTES[importer, imported]
    a, b = BOXES[importer], BOXES[imported]
    left, right = max(a.left, b.left), min(a.right, b.right)
    if left < right:
        x = (left + right) / 2
        return ((x, a.bottom), (x, b.top)) if a.bottom > b.top else ((x, a.top), (x, b.bottom))
    bottom, top = max(a.bottom, b.bottom), min(a.top, b.top)
    if bottom < top:
        y = (bottom + top) / 2
        return ((a.right, y), (b.left, y)) if a.right < b.left else ((a.left, y), (b.right, y))
    raise ValueError(f"{importer} imports {imported}: add the arrow to ROUTES in {__file__}")


def _arrow(axes: Axes, corners: tuple[Point, ...]) -> None:
    xs, ys = zip(*corners, strict=True)
    axes.plot(xs[:-1], ys[:-1], color=LINE, linewidth=1.4, solid_capstyle="butt")
    # The line of an arrow with a head ends at the head.
    axes.annotate("", xy=corners[-1], xytext=corners[-2],
                  arrowprops={"arrowstyle": "-|>", "color": LINE, "linewidth": 1.4,
                              "shrinkA": 0, "shrinkB": 0})  # fmt: skip


def main() -> None:
    """Write the picture."""
    mpl.rcParams["font.family"] = "DejaVu Sans"
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    draw(imports()).savefig(PICTURE, dpi=150, metadata={"Software": None})
    print(f"wrote {PICTURE.relative_to(CHECKOUT)}")


if __name__ == "__main__":
    main()
