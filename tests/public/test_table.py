import subprocess
import sys
from pathlib import Path

import pytest

from calobatch.checkout import CHECKOUT
from calobatch.errors import UserError
from calobatch.public.table import RemoteFile, read_table

HEADER = "dataset,file,url,mirror,bytes,sha256,label"
SHA = "0123456789abcdef" * 4


def written(tmp_path: Path, *rows: str, header: str = HEADER) -> Path:
    path = tmp_path / "datasets.csv"
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def test_every_cell_is_read(tmp_path):
    path = written(tmp_path, f"d,a.hdf5,https://x.org/a,http://y.org/a /b/a,12,{SHA.upper()},1")
    assert read_table(path) == [
        RemoteFile("d", "a.hdf5", ("https://x.org/a", "http://y.org/a", "/b/a"), 12, SHA, 1)
    ]


def test_cells_of_unknown_values_may_be_empty(tmp_path):
    (remote,) = read_table(written(tmp_path, "d,a.parquet,file:///srv/a.parquet,,,,"))
    assert remote == RemoteFile("d", "a.parquet", ("file:///srv/a.parquet",), None, None, None)


def test_columns_may_come_in_any_order_and_after_a_byte_order_mark(tmp_path):
    path = tmp_path / "datasets.csv"
    header = "label,sha256,bytes,mirror,url,file,dataset"
    path.write_text(f"{header}\n0,,,,https://x.org/a,a.h5,d\n", encoding="utf-8-sig")
    assert read_table(path)[0].label == 0


@pytest.mark.parametrize(
    ("row", "line_and_column", "problem"),
    [
        ("d,a.hdf5,,,,,1", "line 3, column url", "one address"),
        ("d,a.hdf5,ftp://x.org/a,,,,1", "line 3, column url", "ftp"),
        ("d,a.hdf5,https:///a,,,,1", "line 3, column url", "no host"),
        ("d,a.hdf5,http://[::1/a,,,,1", "line 3, column url", "well-formed"),
        ("d,a.hdf5,file://host/a,,,,1", "line 3, column url", "file:///"),
        ("d,a.hdf5,/a,https://ok.org/a s3://b/a,,,1", "line 3, column mirror", "s3"),
        ("d,a.hdf5,/a,,-5,,1", "line 3, column bytes", "-5"),
        ("d,a.hdf5,/a,,12 MB,,1", "line 3, column bytes", "12 MB"),
        ("d,a.hdf5,/a,,,abc,1", "line 3, column sha256", "abc"),
        ("d,a.hdf5,/a,,,,2", "line 3, column label", "'2'"),
        ("d,a.fits,/a,,,,1", "line 3, column file", ".fits"),
        ("d,../a.hdf5,/a,,,,1", "line 3, column file", "../a.hdf5"),
        ("../d,a.hdf5,/a,,,,1", "line 3, column dataset", "../d"),
        (",a.hdf5,/a,,,,1", "line 3, column dataset", "''"),
        ("d,first.hdf5,/a,,,,1", "line 3, column file", "listed twice"),
        ("d,a.hdf5,/a,,,,1,more", "line 3", "7 cells"),
        ("d,a.hdf5,/a", "line 3", "7 cells"),
    ],
)
def test_a_bad_row_is_refused_with_its_line_and_column(tmp_path, row, line_and_column, problem):
    path = written(tmp_path, "d,first.hdf5,/first,,,,0", row)
    with pytest.raises(UserError) as error:
        read_table(path)
    assert f"{path}, {line_and_column}:" in str(error.value)
    assert problem in str(error.value)


@pytest.mark.parametrize(
    ("header", "column"),
    [
        (HEADER.replace(",sha256", ""), "sha256 is missing"),
        (HEADER + ",url", "url appears twice"),
        (HEADER + ",licence", "'licence'"),
        ("", "dataset is missing"),
    ],
)
def test_a_bad_header_is_refused_with_its_column(tmp_path, header, column):
    with pytest.raises(UserError, match=column) as error:
        read_table(written(tmp_path, header=header))
    assert "line 1" in str(error.value)


def test_a_table_that_is_missing_or_not_text_is_refused_and_named(tmp_path):
    path = tmp_path / "datasets.csv"
    with pytest.raises(UserError, match=r"datasets\.csv"):
        read_table(path)
    path.write_bytes(b"\xff\xfe\x00\x9f")
    with pytest.raises(UserError, match=r"datasets\.csv"):
        read_table(path)


def test_the_public_table_lists_all_public_files():
    remotes = read_table(CHECKOUT / "config" / "datasets.csv")
    files = {}
    for remote in remotes:
        files.setdefault(remote.dataset, []).append(remote)
        assert remote.urls[0].startswith("https://cernbox.cern.ch/remote.php/dav/public-files/")
        assert remote.urls[0].endswith("/" + remote.file)
    labels = {remote.file[:12]: remote.label for remote in files["electron_photon"]}
    assert labels == {"SingleElectr": 1, "SinglePhoton": 0}
    kinds = [remote.file.split(".")[1] for remote in files["quark_gluon"]]
    assert sorted(kinds) == ["test"] * 3 + ["train"] * 3
    assert [remote.label for remote in files["quark_gluon"]] == [None] * 6
    assert len(files["quark_gluon_hdf5"]) == 1


def test_reading_the_table_loads_no_heavy_library():
    program = (
        "import sys, calobatch.public.table;"
        "print({'h5py', 'numpy', 'pyarrow', 'requests', 'torch', 'tqdm'} & set(sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert run.stdout.strip() == "set()", run.stderr
