import resource
import subprocess

import pytest
import torch

from calobatch.train.checkpoint import Checkpoint, write_checkpoint
from calobatch.written_file import written_file
from tests.faults.full_disk import STAGES, small_disk, try_full

# One amount of space for each stage, too small for what it writes. The command of the module tries
# all stages and more amounts.
QUICK = {
    "simulate crops": 8_192,
    "simulate more crops": 8_192,
    "simulate jets": 8_192,
    "fetch": 8_192,
    "pack": 8_192,
}


@pytest.fixture(scope="module")
def disk(tmp_path_factory):
    try:
        with small_disk(tmp_path_factory.mktemp("disk"), megabytes=2) as mounted:
            yield mounted
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("only root can mount a file system, and not everywhere")


@pytest.mark.parametrize("stage", [s for s in STAGES if s.name in QUICK], ids=lambda s: s.name)
def test_a_stage_on_a_full_disk_has_one_message_and_works_after_space_was_freed(disk, stage):
    trial = try_full(disk, stage, QUICK[stage.name])
    assert trial.faults == []
    assert "space" in trial.message or "room" in trial.message
    assert disk.run(stage).returncode == 0
    assert trial.incomplete(disk.files()) == []


@pytest.fixture
def limited():
    """Files of this process can have at most 100 kB, which shows as a failed write."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def checkpoint(size):
    tensors = {"weight": torch.ones(size)}
    return Checkpoint(
        identity="a", started=0.0, history=[], model=tensors, best_model=tensors, optimizer={}
    )


def test_a_checkpoint_that_cannot_be_written_names_the_cause_and_keeps_the_one_before(
    tmp_path, limited
):
    path = tmp_path / "state.pt"
    write_checkpoint(checkpoint(10), path)
    before = path.read_bytes()
    with pytest.raises(OSError, match="File too large"):
        write_checkpoint(checkpoint(100_000), path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["state.pt"]


def test_the_first_failure_is_raised_whatever_the_library_made_of_it(tmp_path, limited):
    def write():
        with written_file(tmp_path / "a") as file:
            assert file.write(bytes(200_000)) == 200_000
            raise RuntimeError("an internal error of the library")

    with pytest.raises(OSError, match="File too large"):
        write()


def test_an_error_of_the_library_itself_is_raised_unchanged(tmp_path):
    def write():
        with written_file(tmp_path / "a") as file:
            file.write(b"content")
            raise RuntimeError("its own")

    with pytest.raises(RuntimeError, match="its own"):
        write()
    assert (tmp_path / "a").read_bytes() == b"content"
