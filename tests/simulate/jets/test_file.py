import numpy as np
import pyarrow.parquet as pq
import pytest

from calobatch.simulate.jets.file import nested_lists, write_jets
from calobatch.simulate.jets.jets import Jets


def jets(number):
    rng = np.random.default_rng(0)
    shape = (number, 3, 125, 125)
    image_BCHW = np.where(rng.random(shape) < 0.02, rng.normal(size=shape), 0).astype(np.float32)
    return Jets(image_BCHW, *rng.uniform(70, 337, (3, number)), np.arange(number) % 2.0)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    path = tmp_path_factory.mktemp("jets") / "a.parquet"
    of_all = jets(7)
    write_jets(path, iter([of_all.at(slice(0, 3)), of_all.at(slice(3, 7))]))
    return pq.ParquetFile(path), of_all


def test_the_file_has_the_layout_of_the_public_files(written):
    """Nested doubles, snappy, one row group per jet."""
    file, _ = written
    image = file.schema_arrow.field("X_jets").type
    assert file.schema_arrow.names == ["X_jets", "pt", "m0", "y"]
    assert str(image.value_type.value_type.value_type) == "double"
    assert {str(file.schema_arrow.field(name).type) for name in ("pt", "m0", "y")} == {"double"}
    groups = [file.metadata.row_group(i) for i in range(file.num_row_groups)]
    assert [group.num_rows for group in groups] == [1] * 7
    assert {group.column(i).compression for group in groups for i in range(4)} == {"SNAPPY"}


def test_values_are_float32_values_written_as_doubles(written):
    file, of_all = written
    table = file.read()
    np.testing.assert_array_equal(np.array(table["X_jets"].to_pylist()), of_all.image_BCHW)
    for name, values in (("pt", of_all.pt), ("m0", of_all.m0), ("y", of_all.label)):
        np.testing.assert_array_equal(table[name].to_numpy(), values)


def test_the_file_says_that_it_is_simulated(written):
    statement = written[0].metadata.metadata[b"simulation"]
    assert b"simulated by calobatch" in statement
    assert b"Not CMS data" in statement


def test_nested_lists_agree_with_those_of_numpy():
    image_BCHW = np.arange(24, dtype=np.float32).reshape(2, 3, 2, 2)
    assert nested_lists(image_BCHW).to_pylist() == image_BCHW.tolist()
    assert nested_lists(image_BCHW[:0]).to_pylist() == []


def test_a_file_has_the_scalars_that_are_requested(tmp_path):
    of_all, path = jets(2), tmp_path / "a.parquet"
    write_jets(path, iter([of_all]), ["multiplicity", "pt"])
    table = pq.read_table(path)
    assert table.column_names == ["X_jets", "multiplicity", "pt", "y"]
    np.testing.assert_array_equal(table["multiplicity"].to_numpy(), of_all.multiplicity)
