import pytest

from calobatch.atomic import atomic_path, write_text


def test_a_file_appears_only_when_its_block_has_succeeded(tmp_path):
    path = tmp_path / "new" / "result.txt"
    with atomic_path(path) as partial:
        partial.write_text("whole")
        assert not path.exists()
    assert path.read_text() == "whole"
    assert list(path.parent.iterdir()) == [path]


def fail_half_way(path):
    with atomic_path(path) as partial:
        partial.write_text("half")
        raise KeyboardInterrupt


def test_a_failed_block_leaves_only_the_older_file(tmp_path):
    path = tmp_path / "result.txt"
    path.write_text("older")
    with pytest.raises(KeyboardInterrupt):
        fail_half_way(path)
    assert path.read_text() == "older"
    assert list(tmp_path.iterdir()) == [path]


def test_leftovers_of_a_killed_process_do_not_matter(tmp_path):
    path = tmp_path / "result.txt"
    with atomic_path(path) as leftover:
        leftover.touch()
    leftover.write_text("left by a killed process, longer than what follows")
    write_text(path, "größer")
    assert path.read_text(encoding="utf-8") == "größer"
    assert list(tmp_path.iterdir()) == [path]


def test_the_unfinished_file_is_in_the_folder_of_the_finished_one(tmp_path):
    """Only within one folder is renaming a single step on every file system."""
    with atomic_path(tmp_path / "result.txt") as partial:
        partial.touch()
        assert partial.parent == tmp_path
        assert partial.name.startswith(".")
