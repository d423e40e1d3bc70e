import os
from contextlib import ExitStack
from pathlib import Path

import pytest

from calobatch.own_cores import own_cores


@pytest.mark.parametrize(
    ("ranks", "cores", "expected"),
    [
        (1, [0, 1], [[0, 1]]),
        (2, [4, 5, 6, 7], [[4, 5], [6, 7]]),
        (2, [0, 1, 2], [[0], [1]]),
        (3, [0, 1], [[0, 1], [0, 1], [0, 1]]),
    ],
)
def test_each_rank_gets_an_equal_share_or_all_cores_if_there_are_too_few(
    tmp_path, ranks, cores, expected
):
    with own_cores(ranks, cores, tmp_path) as found:
        assert found == expected


def test_the_ranks_of_several_launchers_each_have_a_core_that_no_other_one_has_locked(tmp_path):
    cores = list(range(8))
    with ExitStack() as running:

        def start(ranks):
            return running.enter_context(own_cores(ranks, cores, tmp_path))

        assert start(2) == [[0, 1, 2, 3], [4, 5, 6, 7]]
        assert start(2) == [[1, 2, 3], [5, 6, 7]]
        assert start(3) == [[2], [3], [6]]
        # One core is left: enough for one rank, and too few for two.
        assert start(2) == [cores, cores]
        assert start(1) == [[7]]
        assert start(1) == [cores]


def test_cores_are_free_again_afterwards(tmp_path):
    for _ in range(3):
        with own_cores(2, [0, 1], tmp_path) as found:
            assert found == [[0], [1]]


def test_where_no_lock_is_possible_every_rank_may_use_all_cores(tmp_path):
    with own_cores(2, [0, 1], tmp_path / "missing") as found:
        assert found == [[0, 1], [0, 1]]


def test_a_folder_that_another_user_could_have_made_is_not_used(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    Path(tmp_path / f"calobatch-locks-{os.getuid()}").symlink_to(elsewhere)
    with own_cores(2, [0, 1]) as found:
        assert found == [[0, 1], [0, 1]]
    assert not list(elsewhere.iterdir())
