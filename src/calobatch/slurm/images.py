"""The Apptainer images: their names, and whether those there are of this code's environment.

An image holds the packages, not the code: jobs run the checkout's. Its name carries a hash of all
that decides what is installed, so an image of another environment is one that is not there.
"""

import hashlib
from pathlib import Path

from calobatch.checkout import CHECKOUT
from calobatch.errors import UserError

NAMES = ("data", "train")
VARIANTS = ("cpu", "cuda")
# What an image is made from, as paths and patterns in the checkout.
RECIPE = (
    "containers/*.def",
    "containers/build",
    "environment/*.txt",
    "environment/build_horovod.sh",
    "environment/cuda.sh",
    "environment/wheelhouse.sh",
    "pyproject.toml",
)
DIGITS = 12


def environment_hash(checkout: Path = CHECKOUT) -> str:
    """Return 12 hexadecimal digits that change with every file an image is made from.

    Raises a UserError if ``checkout`` has not all of these files.
    """
    digest = hashlib.sha256()
    for pattern in RECIPE:
        files = sorted(checkout.glob(pattern))
        if not files:
            raise UserError(
                f"{checkout} has no {pattern}, from which images are named; "
                "run calobatch in a whole checkout (git clone)"
            )
        for file in files:
            content = file.read_bytes()
            # The length keeps the end of one file apart from the start of the next.
            digest.update(f"{file.relative_to(checkout)} {len(content)}\n".encode() + content)
    return digest.hexdigest()[:DIGITS]


def image_path(folder: Path, name: str, variant: str, checkout: Path = CHECKOUT) -> Path:
    """Return where the image of the code's environment is, or is to be: it may not be there."""
    return folder / f"{name}-{variant}-{environment_hash(checkout)}.sif"


def image_paths(folder: Path, variant: str, checkout: Path = CHECKOUT) -> dict[str, Path]:
    """Return the path of every image of a variant, by name."""
    return {name: image_path(folder, name, variant, checkout) for name in NAMES}


def require_image(folder: Path, name: str, variant: str, checkout: Path = CHECKOUT) -> Path:
    """Return the path of an image that is there.

    Raises a UserError that tells an image of another environment from none at all.
    """
    path = image_path(folder, name, variant, checkout)
    if path.is_file():
        return path
    others = any(folder.glob(f"{name}-{variant}-*.sif"))
    because = ": images there are of another environment" if others else ""
    raise UserError(
        f"there is no image {path.name} in {folder}{because}; run `{build_command(variant)}`"
    )


def build_command(variant: str) -> str:
    """Return the command that builds the images of a variant."""
    return "make images" if variant == VARIANTS[0] else f"make images VARIANT={variant}"


def listing(folder: Path, variant: str, checkout: Path = CHECKOUT) -> str:
    """Return a line for each image: name, path, and "there" or "missing", with tabs between."""
    return "\n".join(
        f"{name}\t{path}\t{'there' if path.is_file() else 'missing'}"
        for name, path in image_paths(folder, variant, checkout).items()
    )
