"""ROOT files that uproot wrote: trees of both kinds, images of every shape."""

import awkward as ak
import numpy as np
import pytest
import uproot

from calobatch.errors import UserError
from calobatch.raw.open_raw import open_raw
from tests.layouts import ELECTRON_PHOTON, SMALL_JETS
from tests.raw_files import assert_same_bits, random_events, read_whole

EVENTS = random_events(SMALL_JETS, [0, 1, 1] * 20, seed=3)


def as_vectors(image):
    """Return images as vectors in each other."""
    nested = ak.from_numpy(image, regulararray=False)
    for axis in range(1, image.ndim):
        nested = ak.from_regular(nested, axis=axis)
    return nested


IMAGES = {
    "channels first": EVENTS.image_BCHW,
    "channels last": np.ascontiguousarray(np.moveaxis(EVENTS.image_BCHW, 1, -1)),
    "doubles": EVENTS.image_BCHW.astype(np.float64),
}


def branches(image=EVENTS.image_BCHW, label=EVENTS.label):
    scalars = {s.name: EVENTS.scalars_BS[:, i] for i, s in enumerate(SMALL_JETS.scalars)}
    return {SMALL_JETS.image: image, SMALL_JETS.label: label, **scalars}


def write(path, arrays, events_per_basket=7, **trees):
    """Write arrays as a TTree called events, and others under their own names."""
    with uproot.recreate(path) as file:
        for name, of_tree in {"events": arrays, **trees}.items():
            tree = file.mktree(name, {k: v.dtype if v.ndim == 1 else (v.dtype, v.shape[1:])
                                      for k, v in of_tree.items()})  # fmt: skip
            for start in range(0, len(next(iter(of_tree.values()))), events_per_basket):
                tree.extend({k: v[start : start + events_per_basket] for k, v in of_tree.items()})
    return path


def write_tuple(path, arrays):
    with uproot.recreate(path) as file:
        file.mkrntuple("events", arrays)
    return path


def assert_same(raw, at_a_time):
    block = read_whole(raw, at_a_time)
    assert_same_bits(block.image_BCHW, EVENTS.image_BCHW)
    np.testing.assert_array_equal(block.scalars_BS, EVENTS.scalars_BS)
    np.testing.assert_array_equal(raw.labels(), EVENTS.label)


@pytest.mark.parametrize("at_a_time", [1, 6, 7, 8, 40, 1000])
@pytest.mark.parametrize("image", IMAGES)
def test_blocks_of_any_size_equal_the_source_bit_for_bit(tmp_path, image, at_a_time):
    raw = open_raw(write(tmp_path / "a.root", branches(IMAGES[image])), SMALL_JETS)
    assert raw.events == 60
    assert_same(raw, at_a_time)


@pytest.mark.parametrize("image", [EVENTS.image_BCHW, as_vectors(EVENTS.image_BCHW)],
                         ids=["arrays", "vectors"])  # fmt: skip
def test_an_rntuple_is_read_too(tmp_path, image):
    raw = open_raw(write_tuple(tmp_path / "a.root", branches(image)), SMALL_JETS)
    assert_same(raw, 13)


def test_pieces_begin_with_a_basket(tmp_path):
    raw = open_raw(write(tmp_path / "a.root", branches(), events_per_basket=25), SMALL_JETS)
    assert [(p.start, p.stop) for p in raw.pieces(30)] == [(0, 25), (25, 50), (50, 60)]
    assert [(p.start, p.stop) for p in raw.pieces(50)] == [(0, 50), (50, 60)]


@pytest.mark.parametrize("codec", [uproot.ZLIB(1), uproot.LZMA(1), uproot.LZ4(1), uproot.ZSTD(1)])
def test_each_codec_of_root_is_read(tmp_path, codec):
    with uproot.recreate(tmp_path / "a.root", compression=codec) as file:
        file.mktree("events", {"X": ("f4", (2, 32, 32)), "y": "i4"}).extend(
            {"X": np.ones((40, 2, 32, 32), "f4"), "y": np.arange(40) % 2}
        )
    assert (read_whole(open_raw(tmp_path / "a.root", ELECTRON_PHOTON)).image_BCHW == 1).all()


def test_the_layout_chooses_among_several_trees(tmp_path):
    path = write(tmp_path / "a.root", branches(), other=branches(EVENTS.image_BCHW / 2))
    with pytest.raises(UserError, match=r"several trees with these branches \(events, other\)"):
        open_raw(path, SMALL_JETS)
    layout = SMALL_JETS.model_copy(update={"tree": "events"})
    assert_same(open_raw(path, layout), 20)
    with pytest.raises(UserError, match=r"has no tree evts \(its trees: events, other\)"):
        open_raw(path, SMALL_JETS.model_copy(update={"tree": "evts"}))


def test_a_tree_without_the_branches_is_no_candidate(tmp_path):
    path = write(tmp_path / "a.root", branches(), run_info={"lumi": np.ones(3)})
    assert_same(open_raw(path, SMALL_JETS), 20)


def test_files_that_do_not_fit_the_layout_are_refused(tmp_path):
    lacking = branches()
    del lacking["m0"]
    for arrays, message in (
        (lacking, "tree events has no branch m0 .its branches: X_jets, y, pt"),
        (branches(EVENTS.image_BCHW[:, :, :-1]), "X_jets has a list of length 3, expected 4"),
        (branches(EVENTS.scalars_BS[:, 0]), "X_jets has type double, expected list"),
        (branches(label=np.ones((60, 2))), "y has type fixed_size_list.*, expected a number"),
    ):
        path = write(tmp_path / "a.root", arrays)
        with pytest.raises(UserError, match=message):
            read_whole(open_raw(path, SMALL_JETS))


def test_jagged_images_are_refused(tmp_path):
    image = ak.concatenate([as_vectors(EVENTS.image_BCHW[:59]),
                            as_vectors(EVENTS.image_BCHW[59:, :, :-1])])  # fmt: skip
    path = write_tuple(tmp_path / "a.root", branches(image))
    with pytest.raises(UserError, match="X_jets has a list of length"):
        read_whole(open_raw(path, SMALL_JETS))


def test_a_file_without_a_tree_and_an_empty_tree_are_told(tmp_path):
    with uproot.recreate(tmp_path / "none.root") as file:
        file["hist"] = np.histogram([1.0])
    with pytest.raises(UserError, match="has no tree; write the events to one"):
        open_raw(tmp_path / "none.root", SMALL_JETS)
    raw = open_raw(
        write(tmp_path / "a.root", {k: v[:0] for k, v in branches().items()}), SMALL_JETS
    )
    assert raw.events == len(raw.labels()) == len(list(raw.pieces(10))) == 0


@pytest.mark.parametrize("seed", range(60))
def test_damaged_bytes_give_the_same_events_or_one_message(tmp_path, seed):
    """ROOT's checksums are optional, so damaged values may be read; nothing else may happen."""
    path = write(tmp_path / "a.root", branches())
    content = bytearray(path.read_bytes())
    random = np.random.default_rng(seed)
    if seed % 3 == 0:
        del content[int(random.integers(len(content))) :]
    else:
        # Most of what decides about the structure is at the two ends.
        near = int(random.integers(600))
        content[near if seed % 3 == 1 else -1 - near] ^= 1 << int(random.integers(8))
    path.write_bytes(content)
    try:
        shape = read_whole(open_raw(path, SMALL_JETS)).image_BCHW.shape
        message = ""
    except UserError as error:
        shape, message = EVENTS.image_BCHW.shape, str(error)
    assert shape == EVENTS.image_BCHW.shape
    assert message == "" or (str(path) in message and "\n" not in message)
