import matplotlib
import pytest

from calobatch.plotting import SIMULATED_NOTE, legend_below, new_figure, save


def drawn(path, **options):
    figure = new_figure("a title", **options)
    figure.add_subplot().plot([0, 1], [1, 2])
    save(figure, path)
    return path.read_bytes()


def test_the_same_figure_gives_the_same_bytes(tmp_path):
    assert drawn(tmp_path / "one.png") == drawn(tmp_path / "two.png")


def test_the_settings_of_the_user_do_not_change_the_bytes(tmp_path):
    before = drawn(tmp_path / "one.png")
    with matplotlib.rc_context({"font.size": 30, "axes.grid": True, "lines.linewidth": 9}):
        assert drawn(tmp_path / "two.png") == before


def test_the_file_holds_no_metadata_that_differs_by_day_or_version(tmp_path):
    content = drawn(tmp_path / "one.png")
    for kind in (b"tEXt", b"iTXt", b"zTXt", b"tIME"):
        assert kind not in content


def test_only_simulated_data_carries_the_note(tmp_path):
    for simulated in (False, True):
        figure = new_figure("a title", simulated=simulated)
        assert (SIMULATED_NOTE in [text.get_text() for text in figure.texts]) == simulated


def test_an_interrupted_save_leaves_the_older_file(tmp_path):
    path = tmp_path / "plot.png"
    before = drawn(path)
    figure = new_figure()
    figure.add_subplot().set_xlabel("$\\notmath$")
    with pytest.raises(ValueError, match="notmath"):
        save(figure, path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("tasks", [1, 2, 7, 8])
@pytest.mark.parametrize("name", ["cnn", "electron_photon_two_branch", "a_name_" * 12])
def test_a_legend_below_is_inside_the_figure_and_leaves_the_axes_their_size(tasks, name):
    sizes = []
    for legend in (False, True):
        figure = new_figure(width=5.4, height=4.4)
        axes = figure.add_subplot()
        for number in range(tasks):
            axes.plot([0, 1], [0, number], label=f"{name}{number}")
        if legend:
            legend_below(figure)
        figure.canvas.draw()
        sizes.append(axes.bbox.height)
    box = figure.legends[0].get_window_extent()
    assert box.y1 < axes.get_tightbbox().y0
    assert box.x0 >= 0
    assert box.x1 <= figure.bbox.x1
    assert box.y0 >= 0
    assert sizes[1] == pytest.approx(sizes[0], abs=0.2 * figure.dpi)
