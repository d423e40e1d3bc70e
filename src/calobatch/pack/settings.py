"""The settings of packing a dataset: all that a store depends on besides the raw files."""

import glob
import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, field_serializer

from calobatch.config.dataset import Dataset, Files, Reweight, Split
from calobatch.config.explain import closest_to
from calobatch.config.layout_file import by_name, read_layout
from calobatch.config.section import Section
from calobatch.errors import UserError
from calobatch.layouts import Layout
from calobatch.public.table import RemoteFile

# Version 0.2 knew two layouts, by their names. Their stores must not be packed again because the
# settings now have the whole layout, so the settings have the name of a layout for as long as it
# packs files as it did then.
PACKED_BY_NAME = {
    "electron_photon": "cb169dcbe41fa3d20f89d7399d67e9dfe2a4ae4d8df231ef99a625c174db294f",
    "quark_gluon": "aee6ff93bb88f3b1c1573b857068758d81575b90eb21ffc74ddb6497be462601",
}
# The keys that change no event of a store, but only how it is shown.
SHOWN: dict[str, Any] = {
    "title": True,
    "pixel": True,
    "simulator": True,
    "channels": {"__all__": {"unit", "signed"}},
    "scalars": {"__all__": {"unit"}},
    "rows": {"name", "step", "unit"},
    "columns": {"name", "step", "unit"},
}


class Packing(Section):
    """The settings of one pack job.

    Snakemake packs a dataset again exactly when one of these or a raw file changes.
    """

    layout: Annotated[Layout, BeforeValidator(by_name)]
    split: Split
    zero_below: float = Field(ge=0)
    # Left out where it has its default, because older stores were packed without it.
    reweight: Reweight | None = Field(None, exclude_if=lambda reweight: reweight is None)
    check_balance: bool = Field(True, exclude_if=lambda check_balance: check_balance)
    declared_labels: dict[str, int] = Field(default_factory=dict)
    # The label of all events of a file that has none in it.
    file_labels: dict[str, int] = Field(default_factory=dict, exclude_if=lambda labels: not labels)

    @field_serializer("layout")
    def _by_name_as_before(self, layout: Layout) -> Any:
        if packed_sha256(layout) == PACKED_BY_NAME.get(layout.name):
            return layout.name
        return layout.model_dump(mode="json")


def packed_sha256(layout: Layout) -> str:
    """Return a hash of all in a layout that the events of a store depend on."""
    content = layout.model_dump(mode="json", exclude=SHOWN, exclude_defaults=True)
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def packing(name: str, dataset: Dataset, table: Iterable[RemoteFile]) -> Packing:
    """Return the settings with which to pack the dataset ``name``.

    ``table`` is the dataset table, which declares the labels of public files.
    """
    layout = read_layout(dataset.layout or name)
    return Packing(
        layout=layout,
        split=dataset.split,
        zero_below=layout.zero_below if dataset.zero_below is None else dataset.zero_below,
        reweight=dataset.reweight,
        check_balance=dataset.check_balance,
        declared_labels={
            f.file: f.label for f in table if f.dataset == name and f.label is not None
        },
        file_labels=file_labels(name, dataset, layout) if isinstance(dataset, Files) else {},
    )


def check_reweight(name: str, dataset: Dataset, layout: Layout) -> None:
    """Raise UserError if `reweight` names a scalar that the layout does not have."""
    known = [scalar.name for scalar in layout.scalars]
    if dataset.reweight and dataset.reweight.scalar not in known:
        raise UserError(
            f"datasets.{name}.reweight.scalar: layout {layout.name} has no scalar "
            f"{dataset.reweight.scalar!r}{closest_to(dataset.reweight.scalar, known or ['none'])}"
        )


def own_files(name: str, dataset: Files) -> dict[Path, str | None]:
    """Return the files of a dataset of the user's own, sorted, each with its class or with None.

    Raises UserError if a path has no file, or if a file is listed under two classes.
    """
    found: dict[Path, str | None] = {}
    for pattern, of_class in dataset.paths().items():
        path = Path(pattern).expanduser()
        # Brackets are a part of a pattern, but also of the names of files. Path.glob takes no
        # pattern that begins with /.
        matching = [str(path)] if path.exists() else glob.glob(str(path), recursive=True)  # noqa: PTH207
        if not matching:
            raise UserError(
                f"datasets.{name}.files: there is no file {pattern}; correct the path, which is "
                f"relative to {Path.cwd()} unless it begins with /"
            )
        for file in map(Path, matching):
            if found.setdefault(file, of_class) != of_class:
                raise UserError(
                    f"datasets.{name}.files: {file} is listed under {found[file]} and {of_class}; "
                    "list it under one class"
                )
    return dict(sorted(found.items()))


def file_labels(name: str, dataset: Files, layout: Layout) -> dict[str, int]:
    """Return the label of each file that has events of one class, by its name.

    Raises UserError if a class is not one of the layout's.
    """
    labels = {}
    for path, of_class in own_files(name, dataset).items():
        if of_class is None:
            continue
        if of_class not in layout.classes:
            raise UserError(
                f"datasets.{name}.files: layout {layout.name} has no class {of_class!r}"
                f"{closest_to(of_class, layout.classes)}"
            )
        labels[path.name] = layout.classes.index(of_class)
    if not labels and layout.label is None:
        raise UserError(
            f"datasets.{name}.files: layout {layout.name} has no `label`, so give the files of "
            f"each class under its name, as in files: {{{layout.classes[0]}: my_files/*.npz}}"
        )
    return labels
