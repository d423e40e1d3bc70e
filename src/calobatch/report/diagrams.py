"""Draw the graph of a model as inline SVG: boxes from top to bottom, branches side by side."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

from jinja2 import Environment
from markupsafe import Markup

from calobatch.report.architecture import Node
from calobatch.report.formats import whole

# All in pixels: the size of a box, the distance from one box to the next, and the margin.
WIDTH, HEIGHT = 152, 40
COLUMN, ROW, MARGIN = 162, 54, 2
SKIP = 26  # distance to the side by which an edge goes round the boxes that it skips

TEMPLATE = Environment(autoescape=True).from_string(
    """<svg class="diagram" role="img" viewBox="0 0 {{ width }} {{ height }}" width="{{ width }}">
<title>{{ alternative }}</title>
{% for path in edges %}<path class="edge" d="{{ path }}"/>
{% endfor %}{% for box in boxes %}<g transform="translate({{ box.x }} {{ box.y }})">
<title>{{ box.name }}</title>
<rect class="{{ box.role }}" width="{{ box_width }}" height="{{ box_height }}" rx="6"/>
{% if box.bar %}<rect class="share" x="6" y="{{ box_height - 4 }}" width="{{ box.bar }}" \
height="3"/>
{% endif %}<text x="10" y="17" class="kind">{{ box.kind }}</text>
<text x="10" y="31">{{ box.shape }}</text>
<text x="{{ box_width - 10 }}" y="31" text-anchor="end">{{ box.parameters }}</text></g>
{% endfor %}</svg>"""
)


class Box(NamedTuple):
    """A node as it is drawn. The length of ``bar`` shows its fraction of all parameters."""

    x: float
    y: float
    kind: str
    name: str
    shape: str
    parameters: str
    role: str
    bar: float


class Edge(NamedTuple):
    """The path of a line between two boxes, and the x coordinate that it does not go beyond."""

    path: str
    right: float


def diagram(nodes: Sequence[Node], alternative: str) -> Markup:
    """Draw ``nodes``. ``alternative`` describes the drawing in words, for a screen reader."""
    nodes = fold_activations(nodes)
    depth, column = _depths(nodes), _columns(nodes)
    total = sum(node.parameters for node in nodes)
    corners = [(MARGIN + c * COLUMN, MARGIN + d * ROW) for c, d in zip(column, depth, strict=True)]
    edges = [
        _edge(corners[parent], corner, corners)
        for node, corner in zip(nodes, corners, strict=True)
        for parent in node.parents
    ]
    right = [x + WIDTH for x, _ in corners] + [edge.right for edge in edges]
    boxes = [_box(node, x, y, total) for node, (x, y) in zip(nodes, corners, strict=True)]
    return Markup(  # noqa: S704
        TEMPLATE.render(
            alternative=alternative,
            boxes=boxes,
            edges=[edge.path for edge in edges],
            width=f"{max(right) + MARGIN:g}",
            height=max(y for _, y in corners) + HEIGHT + MARGIN,
            box_width=WIDTH,
            box_height=HEIGHT,
        )
    )


def fold_activations(nodes: Sequence[Node]) -> list[Node]:
    """Merge each activation, such as a ReLU, into the box of the layer before it.

    An activation is a layer that has no parameters, keeps the shape, and is the only one that takes
    the output of the layer before it.
    """
    folded: list[Node] = []
    place: list[int] = []
    children = _children(nodes)
    for node in nodes:
        parents = tuple(place[parent] for parent in node.parents)
        if _is_activation(node, nodes, children):
            before = folded[parents[0]]
            folded[parents[0]] = replace(before, kind=f"{before.kind}, {node.kind}")
            place.append(parents[0])
        else:
            folded.append(replace(node, parents=parents))
            place.append(len(folded) - 1)
    return folded


def _is_activation(node: Node, nodes: Sequence[Node], children: Sequence[Sequence[int]]) -> bool:
    if node.parameters or len(node.parents) != 1:
        return False
    before = nodes[node.parents[0]]
    alone = len(children[node.parents[0]]) == 1
    return alone and before.kind != "input" and before.shape == node.shape


def _children(nodes: Sequence[Node]) -> list[list[int]]:
    children: list[list[int]] = [[] for _ in nodes]
    for index, node in enumerate(nodes):
        for parent in node.parents:
            children[parent].append(index)
    return children


def _depths(nodes: Sequence[Node]) -> list[int]:
    """Return the row of each node: the one below the lowest of its parents."""
    depths: list[int] = []
    for node in nodes:
        depths.append(1 + max((depths[parent] for parent in node.parents), default=-1))
    return depths


def _columns(nodes: Sequence[Node]) -> list[float]:
    """Return the column of each node.

    The first child of a node continues in the column of its parent, and every other child starts a
    branch in a column of its own. A node that joins branches is in the middle of them, and so is an
    input above its branches.
    """
    columns: list[float] = []
    continued: set[int] = set()
    free = 0
    for node in nodes:
        if len(node.parents) > 1:
            columns.append(_middle(columns[parent] for parent in node.parents))
        elif node.parents and node.parents[0] not in continued:
            columns.append(columns[node.parents[0]])
        else:
            columns.append(free)
            free += 1
        free = max(free, int(columns[-1]) + 1)
        continued |= set(node.parents)
    for index, children in enumerate(_children(nodes)):
        if children and not nodes[index].parents:
            columns[index] = _middle(columns[child] for child in children)
    return columns


def _middle(columns: Iterable[float]) -> float:
    distinct = set(columns)
    return sum(distinct) / len(distinct)


def _box(node: Node, x: float, y: float, total: int) -> Box:
    shape = "\N{THIN SPACE}\N{MULTIPLICATION SIGN}\N{THIN SPACE}".join(map(str, node.shape))
    own = node.name and node.kind != "input"
    return Box(
        x=x,
        y=y,
        kind=f"{node.kind}: {node.name}" if node.kind == "input" else node.kind,
        name=node.name or node.kind,
        shape=shape,
        parameters=whole(node.parameters) if node.parameters else "",
        role="layer" if own else "operation",
        bar=round((WIDTH - 12) * node.parameters / total, 1) if total else 0.0,
    )


def _edge(
    start: tuple[float, float], end: tuple[float, float], corners: Sequence[tuple[float, float]]
) -> Edge:
    """Return the line from one box to another. It goes round boxes that are between the two."""
    (x0, y0), (x1, y1) = start, end
    if any(x == x0 == x1 and y0 < y < y1 for x, y in corners):
        side, out = f"{x0 + WIDTH:g}", f"{x0 + WIDTH + SKIP:g}"
        middle0, middle1 = f"{y0 + HEIGHT / 2:g}", f"{y1 + HEIGHT / 2:g}"
        path = f"M{side} {middle0}C{out} {middle0} {out} {middle1} {side} {middle1}"
        return Edge(path, x0 + WIDTH + SKIP)
    centre0, centre1, turn = f"{x0 + WIDTH / 2:g}", f"{x1 + WIDTH / 2:g}", y1 - (ROW - HEIGHT)
    between = f"{(turn + y1) / 2:g}"
    bend = f"C{centre0} {between} {centre1} {between} {centre1} {y1:g}"
    return Edge(f"M{centre0} {y0 + HEIGHT:g}V{turn:g}{bend}", max(x0, x1) + WIDTH)
