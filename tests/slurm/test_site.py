"""The site file: its example, the mistakes that it may have, and options that it may not have."""

import re

import pytest
from snakemake_executor_plugin_slurm.validation import get_forbidden_slurm_options

from calobatch.errors import UserError
from calobatch.slurm.site import EXAMPLE, REFUSED, Site, read_site


def test_the_example_is_a_site_file_and_names_every_key():
    example = EXAMPLE.read_text()
    assert read_site(EXAMPLE).gpus_per_node == 4
    assert all(f"\n{key}: " in example for key in Site.model_fields)


def test_only_the_keys_that_the_example_names_have_other_defaults_than_it_shows():
    example = read_site(EXAMPLE)
    shortest = Site(cpus_per_node=example.cpus_per_node)
    differing = {key for key, value in shortest if value != getattr(example, key)}
    assert differing == {"gpus_per_node", "cpus_per_rank", "variant"}


def test_without_a_site_file_the_error_says_how_to_make_one(tmp_path):
    with pytest.raises(UserError, match=f"copy {EXAMPLE} there and edit it"):
        read_site(tmp_path / "site.yaml")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("cpus_per_node: 4\npartitoin: gpu", "partitoin: unknown key; did you mean 'partition'"),
        ("cpus_per_node: many", "cpus_per_node: Input should be a valid integer"),
        ("partition: gpu", "cpus_per_node: this key is missing; add it"),
        ("- one", "expected lines of the form `key: value`, found a list"),
        ("a: [", "cannot read"),
    ],
)
def test_a_mistake_in_the_site_file_is_named(tmp_path, content, message):
    (tmp_path / "site.yaml").write_text(content)
    with pytest.raises(UserError, match=message):
        read_site(tmp_path / "site.yaml")


REFUSED_BY_PLUGIN = [
    alternative.strip()
    for pattern in get_forbidden_slurm_options()
    for alternative in re.sub(r"\[=\\s\]|\\s\??", " ", pattern).split("|")
]


@pytest.mark.parametrize("option", REFUSED_BY_PLUGIN)
def test_every_option_that_snakemake_s_plugin_refuses_is_refused_when_the_file_is_read(
    tmp_path, option
):
    assert re.fullmatch("--?[a-zA-Z-]+", option)
    for text in (f"{option} 1", f"--exclusive {option}=1"):
        (tmp_path / "site.yaml").write_text(f"cpus_per_node: 4\nsbatch_options: {text}\n")
        with pytest.raises(UserError, match=f"sbatch_options has {option}; "):
            read_site(tmp_path / "site.yaml")


@pytest.mark.parametrize(
    ("options", "fix"),
    [
        ("--qos=normal", "use the key qos"),
        ("--exclusive -C a100", "use the key constraint"),
        ("--exclude=c1", "use the key exclude"),
        ("--time=10", "set runtime in cluster/slurm/config.yaml"),
        ("--licenses='a", "No closing quotation"),
    ],
)
def test_a_refused_option_is_named_with_the_key_to_use(tmp_path, options, fix):
    (tmp_path / "site.yaml").write_text(f"cpus_per_node: 4\nsbatch_options: {options}\n")
    with pytest.raises(UserError, match=fix):
        read_site(tmp_path / "site.yaml")


def test_a_key_that_is_named_in_place_of_an_option_exists():
    for instead in REFUSED.values():
        for key in re.findall(r"[a-z]+_[a-z_]+", instead.removeprefix("set runtime")):
            assert key in Site.model_fields, instead
