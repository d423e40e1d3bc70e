"""The project folder: paths that jobs cannot use, and links that lead out of the project."""

import os
from pathlib import Path

import pytest

from calobatch.errors import UserError
from calobatch.slurm.folder import (
    links_of_jobs,
    mounted,
    require_usable_folder,
    store_of_head,
)
from calobatch.tracking_uri import VARIABLE


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    folder = tmp_path / "project"
    for name in ("data/cms", "results", "src", ".cache"):
        (folder / name).mkdir(parents=True)
    return folder


@pytest.fixture
def scratch(tmp_path):
    folder = tmp_path / "scratch"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("name", ["my project", "a'b", 'a"b', "a$b", "a\nb", "a:b", "a,b", "a%j"])
def test_a_path_that_jobs_cannot_use_is_refused_with_the_character(tmp_path, name):
    with pytest.raises(UserError, match="; move the project to a path of letters"):
        require_usable_folder(tmp_path / name)


@pytest.mark.parametrize("name", ["run-3_v1.2", "größe", "a+b@c=d~"])
def test_other_paths_are_fine(tmp_path, name):
    (tmp_path / name).mkdir()
    require_usable_folder(tmp_path / name)


def test_links_that_lead_out_are_mounted_at_the_path_that_they_name(project, scratch):
    (project / "logs").symlink_to(scratch)
    (scratch / "raw").mkdir()
    (project / "data/cms/raw").symlink_to("../../../scratch/raw")
    (project / "slurm").symlink_to("src")
    (project / ".cache/wheels").symlink_to("/var")
    assert [(link.name, link.target) for link in links_of_jobs(project)] == [
        ("logs", scratch),
        ("data/cms/raw", scratch / "raw"),
    ]
    # scratch/raw is a part of scratch, which is mounted already.
    assert mounted(project, (), {}) == [str(project), str(scratch)]
    assert mounted(project, (f"{scratch}:{scratch}:ro",), {})[1:] == [f"{scratch}:{scratch}:ro"]
    require_usable_folder(project)


def test_a_link_to_a_link_is_mounted_at_the_first_path_because_that_must_exist_inside(
    project, scratch, tmp_path
):
    (tmp_path / "short").symlink_to(scratch)
    (project / "results/small").symlink_to(tmp_path / "short")
    assert mounted(project, (), {})[1:] == [str(tmp_path / "short")]


def test_a_link_that_leads_nowhere_is_refused_and_is_not_mounted(project):
    (project / "data/jets").symlink_to("/no/such/folder")
    with pytest.raises(UserError, match=r"data/jets leads to /no/such/folder, which .*; make it"):
        require_usable_folder(project)
    assert mounted(project, (), {}) == [str(project)]


def test_a_path_that_apptainer_cannot_mount_is_refused(project, tmp_path):
    (tmp_path / "a:b").mkdir()
    (project / "data/jets").symlink_to(tmp_path / "a:b")
    with pytest.raises(UserError, match="colon or a comma; rename it"):
        require_usable_folder(project)


@pytest.mark.parametrize(
    ("uri", "folder"),
    [
        ("sqlite:////home/alice/m.db", "/home/alice"),
        ("sqlite:////home/alice/m.db?timeout=9", "/home/alice"),
        ("sqlite+pysqlite:////home/alice/m.db", "/home/alice"),
        ("file:///home/alice/mlruns", "/home/alice/mlruns"),
        ("/home/alice/mlruns", "/home/alice/mlruns"),
        ("sqlite:///other.db", None),
        ("mlruns", None),
        ("https://mlflow.example.org", None),
        ("postgresql://host/db", None),
    ],
)
def test_the_folder_of_the_tracking_store_is_mounted_if_it_is_outside(project, uri, folder):
    found = store_of_head(project, {VARIABLE: uri})
    assert [link.target for link in found] == ([Path(folder)] if folder else [])


def test_a_tracking_store_in_a_folder_that_does_not_exist_is_refused(project, monkeypatch):
    monkeypatch.setenv(VARIABLE, "sqlite:////no/such/m.db")
    with pytest.raises(UserError, match=f"{VARIABLE} leads to /no/such, which"):
        require_usable_folder(project)


def test_a_store_that_is_a_link_is_mounted_with_its_folder_and_only_the_head_needs_it(
    project, scratch
):
    (project / "mlflow.db").symlink_to(scratch / "m.db")
    assert mounted(project, (), {})[1:] == [str(scratch)]
    assert not links_of_jobs(project)
    require_usable_folder(project)


def test_this_checkout_is_usable():
    require_usable_folder(Path.cwd())
    assert os.fspath(Path.cwd()) in mounted(Path.cwd(), (), {})
