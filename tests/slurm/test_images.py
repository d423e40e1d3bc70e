import re

import pytest

from calobatch.errors import UserError
from calobatch.slurm.images import (
    NAMES,
    VARIANTS,
    environment_hash,
    image_path,
    listing,
    require_image,
)

RECIPE = [
    "containers/base.def",
    "containers/train.def",
    "containers/build",
    "environment/build_horovod.sh",
    "environment/constraints.txt",
    "environment/constraints-cuda.txt",
    "environment/cuda.sh",
    "environment/torch_build.sh",
    "environment/wheelhouse.sh",
    "pyproject.toml",
]


@pytest.fixture
def checkout(tmp_path):
    """A folder with the files that images are made from, and one other file."""
    folder = tmp_path / "checkout"
    for path in [*RECIPE, "src/calobatch/cli.py"]:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(f"content of {path}\n")
    return folder


@pytest.mark.parametrize("path", RECIPE)
def test_a_change_in_any_file_of_the_recipe_changes_the_hash(checkout, path):
    before = environment_hash(checkout)
    with (checkout / path).open("a") as file:
        file.write("#")
    assert environment_hash(checkout) != before


def test_a_new_definition_changes_the_hash(checkout):
    before = environment_hash(checkout)
    (checkout / "containers/new.def").touch()
    assert environment_hash(checkout) != before


def test_text_that_moves_from_one_file_to_the_next_changes_the_hash(checkout):
    first, second = checkout / "containers/base.def", checkout / "containers/train.def"
    first.write_text("ab")
    second.write_text("c")
    before = environment_hash(checkout)
    first.write_text("a")
    second.write_text("bc")
    assert environment_hash(checkout) != before


@pytest.mark.parametrize(
    "path", ["src/calobatch/cli.py", "README.md", "containers/images/data-cpu-0123456789ab.sif"]
)
def test_a_change_elsewhere_does_not_change_the_hash(checkout, path):
    before = environment_hash(checkout)
    (checkout / path).parent.mkdir(exist_ok=True)
    (checkout / path).write_text("changed")
    assert environment_hash(checkout) == before


def test_the_hash_does_not_depend_on_where_the_checkout_is(checkout, tmp_path):
    before = environment_hash(checkout)
    assert environment_hash(checkout.rename(tmp_path / "moved")) == before


def test_a_missing_file_of_the_recipe_is_named(checkout):
    (checkout / "environment/wheelhouse.sh").unlink()
    with pytest.raises(UserError, match=r"no environment/wheelhouse\.sh.*git clone"):
        environment_hash(checkout)


def test_the_image_names_of_this_checkout_are_all_different_and_well_formed(tmp_path):
    names = {image_path(tmp_path, name, variant).name for name in NAMES for variant in VARIANTS}
    assert len(names) == len(NAMES) * len(VARIANTS)
    assert all(re.fullmatch(r"(data|train)-(cpu|cuda)-[0-9a-f]{12}\.sif", name) for name in names)


def test_an_existing_image_is_found(checkout, tmp_path):
    path = image_path(tmp_path, "data", "cpu", checkout)
    path.touch()
    assert require_image(tmp_path, "data", "cpu", checkout) == path


def test_the_error_distinguishes_an_outdated_image_from_none(checkout, tmp_path):
    message = rf"the image data-cpu-{environment_hash(checkout)}\.sif is not in {tmp_path}"
    with pytest.raises(UserError, match=message + "; run `make images`"):
        require_image(tmp_path, "data", "cpu", checkout)
    (tmp_path / "data-cpu-000000000000.sif").touch()
    with pytest.raises(
        UserError, match=message + ": the images there were built from other package versions"
    ):
        require_image(tmp_path, "data", "cpu", checkout)


def test_the_command_in_the_error_builds_the_missing_variant(checkout, tmp_path):
    with pytest.raises(UserError, match="run `make images VARIANT=cuda`"):
        require_image(tmp_path, "train", "cuda", checkout)


def test_the_listing_says_which_images_exist(checkout, tmp_path):
    image_path(tmp_path, "train", "cpu", checkout).touch()
    rows = [line.split("\t") for line in listing(tmp_path, "cpu", checkout).splitlines()]
    assert [(name, state) for name, _, state in rows] == [("data", "missing"), ("train", "there")]
    assert [path for _, path, _ in rows] == [
        str(image_path(tmp_path, name, "cpu", checkout)) for name in NAMES
    ]
