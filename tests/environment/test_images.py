"""`containers/build` with an apptainer that only writes down what it is asked to build."""

import shutil
import subprocess

import pytest

MIRROR = "http://mirror.example/debian"
APPTAINER = """#!/bin/bash
printf '%s ' "$@" >>"$HOME/calls"
echo >>"$HOME/calls"
for image; do [[ $image = *.partial ]] && touch "$image"; done
[[ ! -e $HOME/fail || $* != *train.def* ]]
"""
CALOBATCH = """#!/bin/bash
for name in data train; do
    image=$5/$name-$3-0123456789ab.sif
    printf '%s\\t%s\\t%s\\n' $name $image $([[ -e $image ]] && echo there || echo missing)
done
"""


@pytest.fixture
def build(checkout, programs):
    """Build the images of a checkout whose wheelhouse is complete, and return what happened."""
    (checkout / "environment/wheelhouse.sh").write_text("#!/bin/bash\n")
    for name in ("cut", "date", "du", "git", "head", "id", "mkdir", "mv", "rm", "tr", "basename"):
        (programs.folder / name).symlink_to(shutil.which(name))
    (programs.folder / "touch").symlink_to(shutil.which("touch"))
    programs.write("apptainer", APPTAINER)
    programs.write("calobatch", CALOBATCH)
    programs.answering("fakeroot", "")

    def run(**environment):
        return subprocess.run(
            [checkout / "containers/build", "cpu", checkout / "images"],
            env={"PATH": str(programs.folder), "HOME": str(checkout), **environment},
            capture_output=True,
            text=True,
        )

    return run


def calls(checkout):
    return (checkout / "calls").read_text().splitlines()


def test_the_images_that_are_missing_are_built_and_no_others(checkout, build):
    (checkout / "images").mkdir()
    (checkout / "images/data-cpu-0123456789ab.sif").touch()
    assert build(CALOBATCH_BOOTSTRAP="docker").returncode == 0
    base, train = calls(checkout)
    assert "base.def" in base
    assert "variant=cpu" in train
    assert "environment=0123456789ab" in train
    assert len(list((checkout / "images").iterdir())) == 2
    assert "all images exist" in build().stdout


@pytest.mark.parametrize(
    ("given", "found", "expected"),
    [
        ({}, True, f"bootstrap=debootstrap --build-arg mirror={MIRROR} "),
        ({}, False, "bootstrap=docker "),
        ({"CALOBATCH_BOOTSTRAP": "docker"}, True, "bootstrap=docker "),
        ({"CALOBATCH_BOOTSTRAP": "debootstrap"}, False, "bootstrap=debootstrap "),
    ],
)
def test_debian_comes_from_a_mirror_where_debootstrap_exists_and_from_a_registry_elsewhere(
    checkout, programs, build, given, found, expected
):
    if found:
        programs.answering("debootstrap", "")
    elif shutil.which("debootstrap", path="/usr/sbin:/sbin") and not given:
        pytest.skip(
            "debootstrap is installed on this machine, in a folder that is always looked in"
        )
    answer = build(CALOBATCH_MIRROR=MIRROR, **given)
    assert answer.returncode == 0, answer.stderr
    assert expected in calls(checkout)[0]
    assert "CALOBATCH_BOOTSTRAP" in answer.stdout


def test_a_build_that_fails_leaves_no_image_and_names_its_log(checkout, build):
    (checkout / "fail").touch()
    answer = build(CALOBATCH_BOOTSTRAP="docker")
    assert answer.returncode == 1
    assert "logs/images/train-cpu-0123456789ab.log is above" in answer.stderr
    assert [path.name for path in (checkout / "images").iterdir()] == ["data-cpu-0123456789ab.sif"]


def test_without_apptainer_nothing_is_built(checkout, programs, build):
    (programs.folder / "apptainer").unlink()
    answer = build()
    assert answer.returncode == 2
    assert answer.stderr.startswith("images: apptainer is not on the path; ")
    assert not (checkout / "logs").exists()
