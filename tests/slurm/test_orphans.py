"""The jobs of a killed head process, which the next one ends; SLURM's programs are stand-ins."""

import os
from pathlib import Path

import pytest

from calobatch.errors import JobError
from calobatch.slurm import orphans
from calobatch.slurm.orphans import Orphan, end_orphans, find_orphans

HERE = Path("/home/alice/calobatch")
LISTING = """12|killed|rule_train_wildcards_electron_photon_cnn_1|/home/alice/calobatch
13|killed|rule_report|/home/alice/calobatch
14|killed|rule_train_wildcards_electron_photon_cnn_1|/home/alice/elsewhere
15|notebook|(null)|/home/alice/calobatch
16|notebook|rules of thumb|/home/alice/calobatch
17|alive|rule_pack_wildcards_electron_photon|/home/alice/calobatch"""


def test_only_jobs_that_snakemake_submitted_from_this_folder_are_orphans():
    found = find_orphans(LISTING, HERE, spared={"alive"})
    assert found == [Orphan("12", "train"), Orphan("13", "report")]


def test_without_another_head_process_no_job_is_spared():
    assert Orphan("17", "pack") in find_orphans(LISTING, HERE, spared=())


def test_line_breaks_in_the_comments_of_other_jobs_do_no_harm():
    listing = f"11|mine|two\nlines|/home/alice/elsewhere\n{LISTING}"
    assert find_orphans(listing, HERE, {"alive"}) == find_orphans(LISTING, HERE, {"alive"})


def test_an_empty_queue_has_no_orphans():
    assert find_orphans("", HERE, spared=()) == []


@pytest.fixture
def slurm(tmp_path, monkeypatch):
    """A folder with stand-ins: squeue prints the file queue, and scancel notes its calls."""
    for name, text in (("squeue", "cat queue"), ("scancel", 'echo "$*" >>cancelled')):
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(orphans, "SECONDS_TO_LEAVE", 0.0)
    monkeypatch.setattr(orphans, "SECONDS_BETWEEN_LOOKS", 0.1)
    monkeypatch.setattr(orphans, "SECONDS_TO_END", 0.5)
    return tmp_path


def test_a_queue_that_cannot_be_read_stops_the_head_process(slurm):
    """Otherwise it would submit jobs beside those that an earlier one left."""
    with pytest.raises(JobError, match=r"squeue does not say which jobs .* try again"):
        end_orphans(HERE, spared=())


def test_jobs_of_another_head_process_are_not_cancelled(slurm):
    (slurm / "queue").write_text(LISTING.splitlines()[-1])
    end_orphans(HERE, spared={"alive"})
    assert not (slurm / "cancelled").exists()


def test_a_job_that_does_not_end_is_named(slurm):
    (slurm / "queue").write_text(LISTING)
    with pytest.raises(JobError, match=r"12 \(train\), 13 \(report\); their node may not answer"):
        end_orphans(HERE, spared={"alive"})
    called = (slurm / "cancelled").read_text().splitlines()
    assert called == ["--state=PENDING 12 13", "--signal=USR1 12 13", "12 13"]


def test_a_training_that_returns_to_the_queue_is_cancelled_there(slurm, monkeypatch):
    """It has written its checkpoint, so there is nothing left to wait for."""
    monkeypatch.setattr(orphans, "SECONDS_TO_LEAVE", 60.0)
    (slurm / "queue").write_text(LISTING.splitlines()[0])
    # The training leaves at the signal, and its job, which then waits, at the second --state.
    (slurm / "scancel").write_text(
        '#!/bin/sh\necho "$*" >>cancelled\n[ $(grep -c PENDING cancelled) -lt 2 ] || : >queue\n'
    )
    end_orphans(HERE, spared=())
    called = (slurm / "cancelled").read_text().splitlines()
    assert called == ["--state=PENDING 12", "--signal=USR1 12", "--state=PENDING 12", "12"]
