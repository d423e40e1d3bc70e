import sys

import pytest

from calobatch.public.content import WEB_PAGE, file_fault, head_fault


@pytest.mark.parametrize("kind", ["hdf5", "parquet"])
def test_only_the_complete_file_passes(kind, request, tmp_path):
    content = request.getfixturevalue(kind)
    file = f"a.{kind}"
    path = tmp_path / "partial"
    path.write_bytes(content)
    assert file_fault(path, file) is None
    for length in (0, 3, 4, 8, 100, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:length])
        assert file_fault(path, file) is not None, length


def test_a_file_of_a_different_kind_does_not_pass(hdf5, parquet):
    assert head_fault(hdf5, "a.hdf5") is None
    assert head_fault(hdf5, "a.parquet") is not None
    assert head_fault(parquet, "a.h5") is not None


def test_a_login_node_without_h5py_leaves_the_length_of_an_hdf5_file_to_pack(
    hdf5, tmp_path, monkeypatch
):
    monkeypatch.setitem(sys.modules, "h5py", None)
    path = tmp_path / "a.hdf5"
    path.write_bytes(hdf5)
    assert file_fault(path, "a.hdf5") is None
    path.write_bytes(b"<html>" + hdf5)
    assert file_fault(path, "a.hdf5") == WEB_PAGE


def test_a_web_page_is_recognised():
    assert head_fault(b"\n  <!DOCTYPE html>", "a.hdf5") == WEB_PAGE
    assert head_fault(b'{"error": 1}', "a.hdf5") != WEB_PAGE
