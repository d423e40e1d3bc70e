from pathlib import Path

from calobatch.slurm.orphans import Orphan, find_orphans

LISTING = """12|rule_train_wildcards_electron_photon_cnn_1|/home/alice/calobatch
13|rule_collect|/home/alice/calobatch
14|rule_train_wildcards_electron_photon_cnn_1|/home/alice/elsewhere
15|(null)|/home/alice/calobatch
16|rules of thumb|/home/alice/calobatch"""


def test_only_jobs_that_snakemake_submitted_from_this_folder_are_orphans():
    found = find_orphans(LISTING, Path("/home/alice/calobatch"))
    assert found == [Orphan("12", "train"), Orphan("13", "collect")]


def test_an_empty_queue_has_no_orphans():
    assert find_orphans("", Path("/home/alice/calobatch")) == []
