import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from calobatch.raw.footer import Footer, decoded

ROWS = 40


@pytest.fixture(params=[1, 3, 100])
def path(request, tmp_path):
    """A file with all that pyarrow can put in a footer: statistics, indices, sorting, metadata."""
    columns = {
        "x": pa.array([[[float(i)], None] for i in range(ROWS)]),
        "text": pa.array([None if i % 7 == 0 else "é" * i for i in range(ROWS)]),
        "flag": pa.array([i % 2 == 0 for i in range(ROWS)]).dictionary_encode(),
    }
    table = pa.table(columns).replace_schema_metadata({"simulation": "no", "é" * 200: ""})
    pq.write_table(
        table,
        tmp_path / "a.parquet",
        row_group_size=request.param,
        compression="zstd",
        write_page_index=True,
        store_decimal_as_integer=True,
        sorting_columns=[pq.SortingColumn(2, descending=True)],
    )
    return tmp_path / "a.parquet"


def test_a_cut_footer_has_the_row_groups_that_pyarrow_finds_in_the_whole(path):
    whole, footer = pq.read_metadata(path), Footer(path)
    assert footer.groups == whole.num_row_groups
    for first in range(footer.groups + 1):
        for last in range(first, footer.groups + 1):
            cut = decoded(footer.cut(first, last))
            groups = range(first, last)
            assert [cut.row_group(i).to_dict() for i in range(cut.num_row_groups)] == [
                whole.row_group(i).to_dict() for i in groups
            ]
            assert cut.num_rows == sum(whole.row_group(i).num_rows for i in groups)
            assert cut.schema.equals(whole.schema)
            assert cut.metadata == whole.metadata
    assert decoded(footer.cut(0, footer.groups)).equals(whole)


def test_pyarrow_reads_the_rows_of_a_cut_footer_from_the_file(path):
    footer, table = Footer(path), pq.read_table(path)
    middle = footer.groups // 2
    for first, last in ((0, middle), (middle, footer.groups)):
        found = pq.ParquetFile(path, metadata=decoded(footer.cut(first, last))).read()
        start, stop = int(footer.start[first]), int(footer.start[last])
        assert found.equals(table.slice(start, stop - start))


@pytest.mark.parametrize("length", [0, 5, 12])
def test_a_file_that_is_not_parquet_is_an_error(tmp_path, length):
    path = tmp_path / "a.parquet"
    path.write_bytes(b"<html></html>"[:length])
    with pytest.raises(ValueError, match="not those of a parquet file"):
        Footer(path)
