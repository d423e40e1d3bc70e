"""The site file decides which images `make` builds and where, so that nothing is said twice."""

import subprocess
import sys

import pytest


def make(checkout, *arguments):
    return subprocess.run(
        ["make", *arguments, f"PYTHON={sys.executable}"],
        cwd=checkout,
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )


def write_site(checkout, text):
    (checkout / "cluster/slurm/site.yaml").write_text(f"cpus_per_node: 4\n{text}\n")


@pytest.mark.parametrize(
    ("site", "variant"),
    [
        ("variant: cuda", "cuda"),
        ('variant:  "cuda"  # NVIDIA', "cuda"),
        ("variant: cpu", "cpu"),
        ("", "cpu"),
        ("# variant: cuda", "cpu"),
    ],
)
def test_the_variant_is_that_of_the_site_file(checkout, site, variant):
    write_site(checkout, site)
    commands = make(checkout, "--dry-run", "wheelhouse", "images", "bundle", "TO=/b").stdout
    for command in ("environment/wheelhouse.sh", "containers/build", "environment/bundle.sh /b"):
        assert f"{command} {variant}" in commands


def test_without_a_site_file_the_variant_is_cpu(checkout):
    commands = make(checkout, "--dry-run", "wheelhouse", "images").stdout
    assert "environment/wheelhouse.sh cpu\n" in commands
    assert "containers/build cpu containers/images\n" in commands


@pytest.mark.parametrize("folder", ["/shared/images", "/shared/a+b/@images=1"])
def test_images_are_built_where_the_site_file_looks_for_them(checkout, folder):
    write_site(checkout, f"images: {folder}  # on all nodes")
    assert f"containers/build cpu {folder}\n" in make(checkout, "--dry-run", "images").stdout


def test_what_both_need_is_looked_for_before_the_first_of_them(checkout):
    commands = make(checkout, "--dry-run", "wheelhouse", "images").stdout.splitlines()
    assert commands.index("environment/check_host.sh cpu wheelhouse images") < commands.index(
        "environment/wheelhouse.sh cpu"
    )


def test_a_variant_that_contradicts_the_site_file_is_named(checkout):
    write_site(checkout, "variant: cuda")
    assert make(checkout, "check-variant", "VARIANT=cuda").stderr == ""
    message = make(checkout, "check-variant", "VARIANT=cpu").stderr
    assert message.startswith("make: VARIANT is cpu")
    assert "variant cuda, as cluster/slurm/site.yaml says; leave VARIANT out" in message
