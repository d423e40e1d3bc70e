import io
import zipfile

import numpy as np
import pytest

from calobatch.errors import UserError
from calobatch.raw.open_raw import open_raw
from tests.layouts import ELECTRON_PHOTON, SMALL_JETS
from tests.raw_files import assert_same_bits, random_events, read_whole

SAVE = {"stored": np.savez, "compressed": np.savez_compressed}


def arrays_of(layout, events, channels_last=True):
    image = np.moveaxis(events.image_BCHW, 1, -1) if channels_last else events.image_BCHW
    arrays = {layout.image: np.ascontiguousarray(image), layout.label: events.label}
    return arrays | {s.name: events.scalars_BS[:, i] for i, s in enumerate(layout.scalars)}


@pytest.mark.parametrize("at_a_time", [1, 7, 40, 1000])
@pytest.mark.parametrize("channels_last", [True, False])
@pytest.mark.parametrize("kind", SAVE)
def test_blocks_of_any_size_equal_the_source_bit_for_bit(tmp_path, kind, channels_last, at_a_time):
    events = random_events(SMALL_JETS, [0, 1] * 20, seed=1)
    path = tmp_path / "jets.npz"
    SAVE[kind](path, **arrays_of(SMALL_JETS, events, channels_last))
    raw = open_raw(path, SMALL_JETS)
    assert raw.events == 40
    np.testing.assert_array_equal(raw.labels(), events.label)
    block = read_whole(raw, at_a_time) if kind == "stored" else whole_piece(raw, at_a_time)
    assert_same_bits(block[0], events.image_BCHW)
    np.testing.assert_array_equal(block[1], events.scalars_BS)


def whole_piece(raw, at_a_time):
    """Read a file that cannot be divided."""
    (piece,) = raw.pieces(at_a_time)
    blocks = list(piece.blocks(at_a_time))
    assert all(len(block.image_BCHW) <= at_a_time for block in blocks)
    return tuple(np.concatenate(parts) for parts in zip(*blocks, strict=True))


@pytest.mark.parametrize("dtype", [np.float64, np.float16, np.int32, np.uint8, np.bool_, ">f4"])
def test_numbers_of_any_type_are_read(tmp_path, dtype):
    image = (np.arange(4 * 32 * 32 * 2).reshape(4, 32, 32, 2) % 2).astype(dtype)
    np.savez(tmp_path / "a.npz", X=image, y=np.array([[0], [1], [1], [0]], dtype=dtype))
    raw = open_raw(tmp_path / "a.npz", ELECTRON_PHOTON)
    np.testing.assert_array_equal(read_whole(raw).image_BCHW, np.moveaxis(image, -1, 1))
    assert raw.labels().tolist() == [0, 1, 1, 0]


def test_the_images_of_one_class_may_be_in_an_npy_file(tmp_path):
    layout = ELECTRON_PHOTON.model_copy(update={"label": None})
    image = np.random.default_rng(1).random((5, 2, 32, 32), dtype=np.float32)
    np.save(tmp_path / "photons.npy", image)
    assert_same_bits(read_whole(open_raw(tmp_path / "photons.npy", layout), 2).image_BCHW, image)
    with pytest.raises(UserError, match="has no array y; check that the file has the layout"):
        open_raw(tmp_path / "photons.npy", ELECTRON_PHOTON)


IMAGE, LABEL = np.zeros((3, 32, 32, 2), np.float32), np.zeros(3)
PICKLED = np.array([{}, {}, {}], dtype=object)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"X": IMAGE}, "has no array y"),
        (
            {"X": IMAGE[:, :31], "y": LABEL},
            "X has shape .*layout electron_photon, which has 2 channels, 32 rows and 32 columns",
        ),
        ({"X": IMAGE, "y": LABEL[:2]}, "y has 2 events, but X has 3"),
        ({"X": np.array(["a", "b", "c"]), "y": LABEL}, "X has type <U1, expected numbers"),
        ({"X": IMAGE, "y": PICKLED}, "pickled Python objects, which are never read"),
        ({"X": np.asfortranarray(IMAGE), "y": LABEL}, "in Fortran order"),
        ({"X": np.float32(3), "y": LABEL}, "a single number, not an array with a value for"),
        ({"X": IMAGE + 0j, "y": LABEL}, "X has type complex64, expected numbers"),
    ],
)
@pytest.mark.parametrize("kind", SAVE)
def test_arrays_that_do_not_fit_the_layout_are_refused(tmp_path, kind, arrays, message):
    SAVE[kind](tmp_path / "a.npz", **arrays)
    with pytest.raises(UserError, match=f"a.npz.*{message}"):
        open_raw(tmp_path / "a.npz", ELECTRON_PHOTON)


@pytest.mark.parametrize("kept", [0.0, 0.3, 0.9])
@pytest.mark.parametrize("kind", SAVE)
def test_a_file_that_was_cut_short_is_named(tmp_path, kind, kept):
    random = np.random.default_rng(0)
    path = tmp_path / "a.npz"
    SAVE[kind](path, X=random.random(IMAGE.shape), y=LABEL)
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])
    with pytest.raises(UserError, match=r"a.npz (is not a complete NumPy file|is empty)"):
        open_raw(path, ELECTRON_PHOTON)


def test_a_damaged_part_of_a_compressed_array_is_named_when_it_is_read(tmp_path):
    path = tmp_path / "a.npz"
    np.savez_compressed(path, X=np.random.default_rng(0).random(IMAGE.shape), y=LABEL)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    raw = open_raw(path, ELECTRON_PHOTON)
    with pytest.raises(UserError, match=r"a.npz is damaged \(.*\); write or fetch"):
        whole_piece(raw, 2)


def test_a_claimed_size_is_refused_before_memory_is_taken(tmp_path):
    header = io.BytesIO()
    claim = {"descr": "<f4", "fortran_order": False, "shape": (10**12, 32, 32, 2)}
    np.lib.format.write_array_header_1_0(header, claim)
    label = io.BytesIO()
    np.lib.format.write_array_header_1_0(label, claim | {"shape": (10**12,)})
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        with zipfile.ZipFile(tmp_path / "a.npz", "w", method) as archive:
            archive.writestr("X.npy", header.getvalue())
            archive.writestr("y.npy", label.getvalue())
        with pytest.raises(UserError, match=r"a.npz.*(10{12}|has .* bytes)"):
            open_raw(tmp_path / "a.npz", ELECTRON_PHOTON)


def test_another_kind_of_file_under_the_name_is_named(tmp_path):
    (tmp_path / "a.npz").write_bytes(b"root" + bytes(100))
    with pytest.raises(UserError, match="this is a ROOT file"):
        open_raw(tmp_path / "a.npz", ELECTRON_PHOTON)
    (tmp_path / "a.npy").write_bytes(b"\x1f\x8b" + bytes(100))
    with pytest.raises(UserError, match="compressed with gzip"):
        open_raw(tmp_path / "a.npy", ELECTRON_PHOTON.model_copy(update={"label": None}))
