"""Check that no event is packed twice: it could be in the training and in the test split."""

from collections.abc import Sequence
from pathlib import Path

from calobatch.errors import UserError
from calobatch.public.pins import Pin


def check_names_differ(files: Sequence[Path]) -> None:
    """Raise a UserError if a file is listed twice, or if two files have the same name."""
    seen: dict[str, Path] = {}
    for file in files:
        other = seen.get(file.name)
        seen[file.name] = file
        if other is None:
            continue
        if other.resolve() == file.resolve():
            raise UserError(f"{file} is listed twice; list each file once")
        raise UserError(
            f"{other} and {file} have the same name, by which the store lists its sources; rename "
            "one of them"
        )


def check_contents_differ(files: Sequence[Path], identities: Sequence[Pin]) -> None:
    """Raise a UserError if two files have the same bytes; ``identities`` has their checksums."""
    seen: dict[str, Path] = {}
    for file, identity in zip(files, identities, strict=True):
        other = seen.get(identity.sha256)
        seen[identity.sha256] = file
        if other:
            raise UserError(f"{other} and {file} have the same content; list only one of them")
