import itertools
import re

import pytest

from calobatch.report.architecture import architecture
from calobatch.report.diagrams import HEIGHT, WIDTH, diagram, fold_activations
from calobatch.report.formats import whole
from tests.layouts import ELECTRON_PHOTON, QUARK_GLUON
from tests.report.page import Element, read_page

MODELS = [
    ("two_branch_cnn", ELECTRON_PHOTON),
    ("vision_transformer", ELECTRON_PHOTON),
    ("jet_cnn", QUARK_GLUON),
]


def boxes(drawing: Element) -> list[tuple[float, float]]:
    corner = re.compile(r"translate\(([\d.]+) ([\d.]+)\)")
    groups = [corner.fullmatch(group.attributes["transform"]) for group in drawing.all("g")]
    return [(float(match[1]), float(match[2])) for match in groups]


@pytest.mark.parametrize(("name", "layout"), MODELS)
def test_every_layer_is_drawn_with_its_kind_and_its_parameters(name, layout):
    nodes = architecture(name, {}, layout)
    groups = read_page(diagram(nodes, "a model")).all("g")
    assert len(groups) == len(fold_activations(nodes))
    drawn = " ".join(text.text for group in groups for text in group.all("text"))
    for node in nodes:
        assert node.kind in drawn
        assert not node.parameters or whole(node.parameters) in drawn


@pytest.mark.parametrize(("name", "layout"), MODELS)
def test_boxes_do_not_overlap_and_are_inside_the_picture(name, layout):
    drawing = read_page(diagram(architecture(name, {}, layout), "a model")).all("svg")[0]
    places = boxes(drawing)
    width, height = map(float, drawing.attributes["viewbox"].split()[2:])
    assert all(x >= 0 and x + WIDTH <= width and y + HEIGHT <= height for x, y in places)
    for (x0, y0), (x1, y1) in itertools.combinations(places, 2):
        assert abs(x0 - x1) >= WIDTH or abs(y0 - y1) >= HEIGHT


def test_branches_are_side_by_side():
    def columns(name, layout) -> int:
        drawing = read_page(diagram(architecture(name, {}, layout), "a model"))
        by_row = itertools.groupby(sorted(boxes(drawing), key=lambda box: box[1]), lambda b: b[1])
        return max(len(list(row)) for _, row in by_row)

    assert columns("two_branch_cnn", ELECTRON_PHOTON) == 2
    assert columns("jet_cnn", QUARK_GLUON) == 3
    assert columns("vision_transformer", ELECTRON_PHOTON) == 1


@pytest.mark.parametrize(("name", "layout"), MODELS)
def test_folding_keeps_parameters_and_order(name, layout):
    nodes = architecture(name, {}, layout)
    folded = fold_activations(nodes)
    assert len(folded) < len(nodes)
    assert sum(n.parameters for n in folded) == sum(n.parameters for n in nodes)
    assert not any(n.kind in ("ReLU", "GELU") for n in folded)
    kinds = [kind for node in folded for kind in node.kind.split(", ")]
    assert sorted(kinds) == sorted(node.kind for node in nodes)
    assert all(parent < i for i, node in enumerate(folded) for parent in node.parents)


def test_an_alternative_text_is_written_as_text():
    drawing = diagram(architecture("two_branch_cnn", {}, ELECTRON_PHOTON), "<a> & b")
    assert "<title>&lt;a&gt; &amp; b</title>" in drawing
