import pytest

from calobatch.errors import UserError
from calobatch.slurm.site import EXAMPLE, Site, read_site


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
