import pytest
from matplotlib.figure import Figure

from calobatch.history_plot import draw_history
from calobatch.plotting import new_figure
from tests.run.examples import epoch

HISTORIES = {
    "falls": [(2.0 / number, 0.5 + 0.01 * number) for number in range(1, 31)],
    "rises": [(0.1 * number, 0.9 - 0.01 * number) for number in range(1, 31)],
    "one epoch": [(0.7, 0.6)],
}


def drawn(name: str, *, compact: bool) -> Figure:
    history = [
        epoch(number, auc).model_copy(update={"train_loss": loss, "validation_loss": 0.9 * loss})
        for number, (loss, auc) in enumerate(HISTORIES[name], 1)
    ]
    figure = new_figure(width=4.4, height=4.2) if compact else new_figure()
    draw_history(figure, history, compact=compact)
    figure.canvas.draw()
    return figure


def test_the_large_drawing_has_the_learning_rate_and_the_small_one_has_not():
    labels = [[axes.get_ylabel() for axes in drawn("falls", compact=c).axes] for c in (False, True)]
    assert labels == [["loss", "validation AUC", "learning rate"], ["loss", "validation AUC"]]


@pytest.mark.parametrize("name", HISTORIES)
def test_the_legend_of_the_small_drawing_covers_no_curve(name):
    loss = drawn(name, compact=True).axes[0]
    legend = loss.get_legend().get_window_extent()
    for line in loss.lines:
        highest = line.get_transform().transform(line.get_xydata())[:, 1].max()
        assert highest < legend.y0


@pytest.mark.parametrize(("name", "best"), [("falls", 30), ("rises", 1), ("one epoch", 1)])
@pytest.mark.parametrize("compact", [False, True])
def test_the_best_epoch_is_marked_in_every_panel(name, best, compact):
    loss, auc, *rest = drawn(name, compact=compact).axes
    for axes in (loss, auc, *rest):
        assert any(set(line.get_xdata()) == {best} for line in axes.lines)
    (star,) = (line for line in auc.lines if line.get_marker() == "*")
    assert star.get_xdata() == [best]
