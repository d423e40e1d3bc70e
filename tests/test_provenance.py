"""The commit of the code is known, or said to be unknown; never that of another repository."""

import os
import shutil
import subprocess
import sys

import pytest

from calobatch import provenance
from tests.checkout import CHECKOUT


def git(folder, *arguments):
    command = ["git", "-C", folder, "-c", "user.name=a", "-c", "user.email=a@b", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A repository with one commit, which takes the place of the checkout."""
    folder = tmp_path / "code"
    folder.mkdir()
    (folder / "file").write_text("content")
    git(folder, "init", "--quiet")
    git(folder, "add", "file")
    git(folder, "commit", "--quiet", "--message", "first")
    monkeypatch.setattr(provenance, "CHECKOUT", folder)
    monkeypatch.delenv(provenance.COMMIT, raising=False)
    monkeypatch.delenv(provenance.DIRTY, raising=False)
    return folder


def found():
    facts = provenance.provenance()
    return facts.git_commit, facts.git_dirty


def test_the_commit_and_whether_files_have_changed(repository):
    commit = git(repository, "rev-parse", "HEAD")
    assert found() == (commit, False)
    (repository / "file").write_text("changed")
    assert found() == (commit, True)


def test_variables_of_git_lead_to_no_other_repository(repository, tmp_path, monkeypatch):
    commit, other = git(repository, "rev-parse", "HEAD"), tmp_path / "other"
    shutil.copytree(repository, other)
    git(other, "commit", "--quiet", "--allow-empty", "--message", "second")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other))
    assert found() == (commit, False)


def test_a_copy_inside_another_repository_has_no_commit(repository, monkeypatch):
    inside = repository / "copy"
    inside.mkdir()
    monkeypatch.setattr(provenance, "CHECKOUT", inside)
    assert found() == ("", None)


def test_a_repository_that_git_refuses_to_read_is_unknown_and_not_clean(repository, tmp_path):
    """As a checkout of another user; git has a variable for its own tests of that."""
    fake = tmp_path / "bin"
    fake.mkdir()
    (fake / "git").write_text("#!/bin/sh\necho 'fatal: detected dubious ownership' >&2; exit 128\n")
    (fake / "git").chmod(0o755)
    before = os.environ["PATH"]
    os.environ["PATH"] = f"{fake}:{before}"
    try:
        assert found() == ("", None)
    finally:
        os.environ["PATH"] = before


@pytest.mark.parametrize("changed", [True, False])
def test_jobs_without_git_get_the_facts_of_the_head_process(repository, changed):
    if changed:
        (repository / "file").write_text("changed")
    code = (
        "from calobatch.provenance import provenance; facts = provenance();"
        "print(facts.git_commit, facts.git_dirty)"
    )
    with pytest.MonkeyPatch.context() as patched:
        # Set first, so that it is restored: hand_down_commit writes into this process.
        patched.setenv(provenance.COMMIT, "")
        patched.setenv(provenance.DIRTY, "")
        provenance.hand_down_commit()
        patched.setenv("PATH", "/nowhere")
        patched.setenv("PYTHONPATH", str(CHECKOUT / "src"))
        answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert answer.stdout.split() == [git(repository, "rev-parse", "HEAD"), str(changed)]


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("https://example.org/group/code.git", "https://example.org/group/code.git"),
        ("https://ada:secret@example.org/code.git", "https://example.org/code.git"),
        ("git@example.org:group/code.git", "git@example.org:group/code.git"),
        ("/home/ada/code", ""),  # of no use to others
        ("file:///home/ada/code", ""),
    ],
)
def test_the_address_of_the_code_is_one_that_others_can_use(repository, address, told):
    assert provenance.address_of_code() == ""
    git(repository, "remote", "add", "origin", address)
    assert provenance.address_of_code() == told
