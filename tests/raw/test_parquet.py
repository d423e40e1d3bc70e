import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calobatch.errors import UserError
from calobatch.raw.open_raw import open_raw
from tests.layouts import QUARK_GLUON
from tests.raw_files import nested_lists, random_events, read_whole, write_parquet


@pytest.fixture(scope="module")
def events():
    return random_events(QUARK_GLUON, [0, 1] * 12, seed=0)


@pytest.fixture(scope="module", params=[1, 7, 1000])
def by_row_groups(request, events, tmp_path_factory):
    path = tmp_path_factory.mktemp("groups") / f"of_{request.param}.parquet"
    return write_parquet(path, QUARK_GLUON, events, row_group_size=request.param)


@pytest.mark.parametrize("at_a_time", [1, 2, 5, 7, 8, 23, 24, 1000])
def test_blocks_of_any_size_equal_the_source_bit_for_bit(by_row_groups, events, at_a_time):
    block = read_whole(open_raw(by_row_groups, QUARK_GLUON), at_a_time)
    image_BCHW = np.ascontiguousarray(block.image_BCHW, np.float32)
    np.testing.assert_array_equal(image_BCHW.view(np.uint32), events.image_BCHW.view(np.uint32))
    np.testing.assert_array_equal(block.scalars_BS, events.scalars_BS)


@pytest.mark.parametrize(
    ("row_group_size", "events_per_piece", "starts"),
    [(1, 10, [0, 10, 20]), (7, 15, [0, 14]), (7, 3, [0, 7, 14, 21]), (1000, 5, [0])],
)
def test_pieces_begin_with_a_row_group(tmp_path, events, row_group_size, events_per_piece, starts):
    path = write_parquet(tmp_path / "a.parquet", QUARK_GLUON, events, row_group_size)
    pieces = list(open_raw(path, QUARK_GLUON).pieces(events_per_piece))
    assert [piece.start for piece in pieces] == starts
    assert [piece.stop for piece in pieces] == [*starts[1:], 24]


def test_labels_come_from_all_row_groups(by_row_groups, events):
    raw = open_raw(by_row_groups, QUARK_GLUON)
    assert raw.events == 24
    np.testing.assert_array_equal(raw.labels(), events.label)


def rewritten(path, events, change):
    """Write the events; rewrite their table as ``change`` returns it."""
    table = pq.read_table(write_parquet(path, QUARK_GLUON, events))
    pq.write_table(change(table), path, row_group_size=1)
    return path


@pytest.mark.parametrize("value_type", [pa.float32(), pa.float64()])
@pytest.mark.parametrize("kind", [pa.list_, pa.large_list])
def test_floats_and_large_lists_are_read_too(tmp_path, events, value_type, kind):
    def change(table):
        image = table["X_jets"].cast(kind(kind(kind(value_type))))
        return table.set_column(table.schema.get_field_index("X_jets"), "X_jets", image)

    path = rewritten(tmp_path / "a.parquet", events, change)
    found = read_whole(open_raw(path, QUARK_GLUON))
    np.testing.assert_array_equal(found.image_BCHW, events.image_BCHW)


def test_fixed_size_lists_are_read_too(tmp_path, events):
    kind = pa.list_(pa.list_(pa.list_(pa.float32(), 125), 125), 3)

    def change(table):
        place = table.schema.get_field_index("X_jets")
        return table.set_column(place, "X_jets", table["X_jets"].cast(kind))

    path = rewritten(tmp_path / "a.parquet", events, change)
    assert pq.read_schema(path).field("X_jets").type == kind
    found = read_whole(open_raw(path, QUARK_GLUON), 7)
    np.testing.assert_array_equal(found.image_BCHW, events.image_BCHW)


def test_views_of_lists_are_read_too(tmp_path, events):
    def change(table):
        lists = table["X_jets"].combine_chunks()
        view = pa.ListViewArray.from_arrays(lists.offsets[:-1], lists.value_lengths(), lists.values)
        place = table.schema.get_field_index("X_jets")
        return table.set_column(place, "X_jets", view)

    path = rewritten(tmp_path / "a.parquet", events, change)
    assert pa.types.is_list_view(pq.read_schema(path).field("X_jets").type)
    found = read_whole(open_raw(path, QUARK_GLUON), 7)
    np.testing.assert_array_equal(found.image_BCHW, events.image_BCHW)


def test_images_with_channels_last_are_read(tmp_path, events):
    def change(table):
        place = table.schema.get_field_index("X_jets")
        turned = nested_lists(np.moveaxis(events.image_BCHW, 1, -1))
        return table.set_column(place, "X_jets", turned)

    path = rewritten(tmp_path / "a.parquet", events, change)
    found = read_whole(open_raw(path, QUARK_GLUON), 7)
    np.testing.assert_array_equal(found.image_BCHW, events.image_BCHW)


def test_images_of_one_channel_need_no_list_for_it(tmp_path):
    layout = QUARK_GLUON.model_copy(update={"channels": QUARK_GLUON.channels[:1]})
    one = random_events(layout, [0, 1] * 3, seed=0)
    path = write_parquet(tmp_path / "a.parquet", layout, one)
    table = pq.read_table(path)
    place = table.schema.get_field_index("X_jets")
    flat = table["X_jets"].combine_chunks().flatten()
    pq.write_table(table.set_column(place, "X_jets", flat), path)
    np.testing.assert_array_equal(read_whole(open_raw(path, layout)).image_BCHW, one.image_BCHW)


def test_labels_may_be_true_or_false_and_pixels_whole_numbers(tmp_path, events):
    whole = np.round(events.image_BCHW.clip(-9, 9))

    def change(table):
        image = nested_lists(whole).cast(pa.list_(pa.list_(pa.list_(pa.int16()))))
        table = table.set_column(table.schema.get_field_index("X_jets"), "X_jets", image)
        place = table.schema.get_field_index("y")
        return table.set_column(place, "y", table["y"].cast(pa.bool_()))

    raw = open_raw(rewritten(tmp_path / "a.parquet", events, change), QUARK_GLUON)
    np.testing.assert_array_equal(raw.labels(), events.label)
    np.testing.assert_array_equal(read_whole(raw).image_BCHW, whole)


def test_the_order_of_columns_and_further_columns_do_not_matter(tmp_path, events):
    def change(table):
        more = table.append_column("run", pa.array(["A"] * 24))
        return more.select(["y", "run", "m0", "X_jets", "pt"])

    path = rewritten(tmp_path / "a.parquet", events, change)
    block = read_whole(open_raw(path, QUARK_GLUON))
    np.testing.assert_array_equal(block.image_BCHW, events.image_BCHW)
    np.testing.assert_array_equal(block.scalars_BS, events.scalars_BS)


def test_only_a_file_marked_as_simulation_is_simulated(tmp_path, events, by_row_groups):
    assert not open_raw(by_row_groups, QUARK_GLUON).simulated
    path = rewritten(
        tmp_path / "a.parquet", events, lambda t: t.replace_schema_metadata({"simulation": "yes"})
    )
    assert open_raw(path, QUARK_GLUON).simulated


@pytest.fixture(scope="module")
def small_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("damage") / "small.parquet"
    return write_parquet(path, QUARK_GLUON, random_events(QUARK_GLUON, [0, 1], seed=0))


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_damaged_bytes_are_read_or_refused_with_a_message(small_file, data):
    """These files have no checksums, so not every change is noticed; but none is a traceback."""
    content = bytearray(small_file.read_bytes())
    # The footer, which holds the structure, is at the end.
    place = st.one_of(
        st.integers(len(content) - 4000, len(content) - 1), st.integers(0, len(content) - 1)
    )
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(place)] = data.draw(st.integers(0, 255))
    altered = small_file.with_name("altered.parquet")
    altered.write_bytes(content)
    refusal = str(altered)
    try:
        raw = open_raw(altered, QUARK_GLUON)
        raw.labels()
        if raw.events:
            assert read_whole(raw).image_BCHW.shape == (raw.events, 3, 125, 125)
    except UserError as error:
        refusal = str(error)
    assert str(altered) in refusal
