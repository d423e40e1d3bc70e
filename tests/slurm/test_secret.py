"""The secret that the ranks of a job step share through a file that only its owner can read."""

import stat
from concurrent.futures import ThreadPoolExecutor

import pytest

from calobatch.errors import UserError
from calobatch.slurm import secret
from calobatch.slurm.secret import FOLDER, secret_of_step


def file_of(project):
    return next((project / FOLDER).iterdir())


def test_all_ranks_of_a_step_have_one_secret_and_other_steps_have_others(tmp_path):
    def made(number):
        return secret_of_step(tmp_path, 4711, 0, {})

    # All ranks start at the same moment, and each may be the first.
    with ThreadPoolExecutor(32) as ranks:
        (shared,) = set(ranks.map(made, range(32)))
    assert len(shared) == 64
    others = {secret_of_step(tmp_path, 4711, 1, {}), secret_of_step(tmp_path, 4712, 0, {})}
    assert len({shared, *others}) == 3


def test_only_the_owner_can_read_the_file_and_it_has_no_secret_of_a_step(tmp_path):
    shared = secret_of_step(tmp_path, 4711, 0, {})
    path = file_of(tmp_path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert bytes.fromhex(shared) not in path.read_bytes()
    assert [path] == list((tmp_path / FOLDER).iterdir())


def test_a_file_that_others_may_read_is_refused_with_the_fix(tmp_path):
    secret_of_step(tmp_path, 4711, 0, {})
    file_of(tmp_path).chmod(0o640)
    with pytest.raises(UserError, match=r"other users may read .*; delete the file, or"):
        secret_of_step(tmp_path, 4711, 0, {})
    assert secret_of_step(tmp_path, 4711, 0, {"CALOBATCH_SECRET": "of the user"}) == "of the user"


def test_a_file_that_a_full_disk_cut_short_is_refused_with_the_fix(tmp_path, monkeypatch):
    monkeypatch.setattr(secret, "SECONDS_UNTIL_SEEN", 0.2)
    secret_of_step(tmp_path, 4711, 0, {})
    file_of(tmp_path).write_bytes(b"short")
    with pytest.raises(
        UserError, match=r"has the secret of your jobs, is incomplete; delete the file"
    ):
        secret_of_step(tmp_path, 4711, 0, {})


def test_a_folder_that_cannot_be_used_is_named(tmp_path):
    (tmp_path / FOLDER).write_text("no folder")
    with pytest.raises(UserError, match=r"cannot read or write .* \(Not a directory\); correct"):
        secret_of_step(tmp_path, 4711, 0, {})
