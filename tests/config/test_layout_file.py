import pytest
import yaml

from calobatch.config.layout_file import FOLDER, read_layout
from calobatch.errors import UserError

TRACKER = {
    "classes": ["muon", "pion", "kaon"],
    "channels": [{"name": "charge", "unit": "fC"}],
    "rows": {"number": 40, "name": "x"},
    "columns": {"number": 30, "name": "layer"},
    "image": "hits",
    "label": "kind",
}


def written(folder, **changes):
    content = {key: value for key, value in (TRACKER | changes).items() if value is not None}
    (folder / "tracker.yaml").write_text(yaml.safe_dump(content))
    return read_layout("tracker", folder)


def test_a_layout_of_a_user_is_read(tmp_path):
    layout = written(tmp_path, scalars=[{"name": "p", "unit": "GeV", "key": "momentum"}])
    assert (layout.name, layout.shape, layout.pixels) == ("tracker", (1, 40, 30), 1200)
    assert layout.classes == ("muon", "pion", "kaon")
    assert layout.keys == ("hits", "kind", "momentum")
    assert (layout.zero_below, layout.shares, layout.simulator) == (0.0, None, None)


def test_every_layout_in_the_repository_is_valid():
    found = {path.stem: read_layout(path.stem) for path in FOLDER.glob("*.yaml")}
    assert {"electron_photon", "quark_gluon"} <= set(found)
    assert all(layout.title and layout.pixel for layout in found.values())


def test_an_unknown_layout_comes_with_the_known_ones():
    with pytest.raises(UserError, match=r"unknown layout 'quark_glue'.*mean 'quark_gluon'\?$"):
        read_layout("quark_glue")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"clases": ["a"]}, "clases: unknown key; did you mean 'classes'?"),
        ({"classes": ["muon"]}, "classes: Tuple should have at least 2 items"),
        ({"classes": ["muon", "muon"]}, "classes: 'muon' appears twice; rename one of them"),
        ({"rows": {"number": 0, "name": "x"}}, "rows.number: Input should be greater than 0"),
        ({"rows": 40}, "rows: Input should be a valid dictionary"),
        ({"image": None}, "image is missing; give the key of the images, the key of each"),
        ({"hits": {"row": "a", "column": "b", "value": "c"}}, "hits has the images; remove image"),
        (
            {
                "image": None,
                "channels": [{"name": "charge"}, {"name": "time"}],
                "hits": {"row": "a", "column": "b", "value": "c"},
            },
            "hits.channel is missing, but there are 2 channels; give the key of the channel",
        ),
        (
            {"channels": [{"name": "charge", "key": "q"}]},
            "image is hits, and channel charge has a key too; remove image, or the keys",
        ),
        ({"label": "hits"}, "keys: 'hits' appears twice"),
        (
            {"scalars": [{"name": "label"}]},
            "calobatch itself uses the name 'label'; choose another",
        ),
        ({"scalars": [{"name": "Pt Lead"}]}, "scalars.0.name: String should match pattern"),
        ({"shares": [0.5, 0.5]}, "shares has 2 numbers for 3 classes; give one share for each"),
        ({"shares": [0.5, 0.4, 0.3]}, "shares adds up to 1.2; give positive shares whose sum is 1"),
        ({"zero_below": -1}, "zero_below: Input should be greater than or equal to 0"),
        ({"name": "calorimeter"}, "name: a layout has the name of its file; remove the key"),
        ({"simulator": "muons"}, "simulator: Input should be 'crops' or 'jets'"),
    ],
)
def test_a_mistake_in_a_layout_is_a_message_that_names_file_and_key(tmp_path, changes, message):
    with pytest.raises(UserError) as raised:
        written(tmp_path, **changes)
    assert str(raised.value).startswith(f"{tmp_path / 'tracker.yaml'}: ")
    assert message in str(raised.value)
