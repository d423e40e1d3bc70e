"""The Apptainer images: their names, and whether the ones on disk match this checkout.

An image holds the packages, not the code: jobs run the code of the checkout. The name of an image
ends in a hash of everything that decides what is installed in it. When one of these files changes,
the image under the old name is no longer used and a new one has to be built.
"""

import hashlib
from pathlib import Path

from calobatch.checkout import CHECKOUT
from calobatch.errors import UserError

NAMES = ("data", "train")
VARIANTS = ("cpu", "cuda")
# The files that an image is made from, as paths and patterns in the checkout.
RECIPE = (
    "containers/*.def",
    "containers/build",
    "environment/*.txt",
    "environment/build_horovod.sh",
    "environment/cuda.sh",
    "environment/torch_build.sh",
    "environment/wheelhouse.sh",
    "pyproject.toml",
)
DIGITS = 12


def environment_hash(checkout: Path = CHECKOUT) -> str:
    """Return 12 hexadecimal digits that change with every file that an image is made from.

    Raises a UserError if ``checkout`` lacks one of these files.
    """
    digest = hashlib.sha256()
    for pattern in RECIPE:
        files = sorted(checkout.glob(pattern))
        if not files:
            raise UserError(
                f"{checkout} has no {pattern}, which is needed to name the images; "
                "run calobatch in a complete checkout (git clone)"
            )
        for file in files:
            content = file.read_bytes()
            # With the length in the hash, text that moves from the end of one file to the start of
            # the next changes the hash.
            digest.update(f"{file.relative_to(checkout)} {len(content)}\n".encode() + content)
    return digest.hexdigest()[:DIGITS]


def image_path(folder: Path, name: str, variant: str, checkout: Path = CHECKOUT) -> Path:
    """Return the path of the image that matches ``checkout``, whether it exists or not."""
    return folder / f"{name}-{variant}-{environment_hash(checkout)}.sif"


def image_paths(folder: Path, variant: str, checkout: Path = CHECKOUT) -> dict[str, Path]:
    """Return the path of every image of a variant, by name."""
    return {name: image_path(folder, name, variant, checkout) for name in NAMES}


def require_image(folder: Path, name: str, variant: str, checkout: Path = CHECKOUT) -> Path:
    """Return the path of an image that exists.

    Raises a UserError if it does not, which also says whether there is an outdated image.
    """
    path = image_path(folder, name, variant, checkout)
    if path.is_file():
        return path
    outdated = any(folder.glob(f"{name}-{variant}-*.sif"))
    because = ": the images there were built from other package versions" if outdated else ""
    raise UserError(
        f"the image {path.name} is not in {folder}{because}; run `{build_command(variant)}`"
    )


def build_command(variant: str) -> str:
    """Return the command that builds the images of a variant."""
    return "make images" if variant == VARIANTS[0] else f"make images VARIANT={variant}"


def listing(folder: Path, variant: str, checkout: Path = CHECKOUT) -> str:
    """Return a line for each image: name, path, and "there" or "missing", separated by tabs.

    `containers/build` reads these lines.
    """
    return "\n".join(
        f"{name}\t{path}\t{'there' if path.is_file() else 'missing'}"
        for name, path in image_paths(folder, variant, checkout).items()
    )
