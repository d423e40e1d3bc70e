"""The settings of packing a dataset: all that a store depends on besides the raw files."""

from collections.abc import Iterable

from pydantic import Field

from calobatch.config.models import Dataset, Section, Split
from calobatch.layouts import layout_named
from calobatch.public.table import RemoteFile


class Packing(Section):
    """The settings of one pack job.

    Snakemake packs a dataset again exactly when one of these or a raw file changes.
    """

    layout: str
    split: Split
    zero_below: float = Field(ge=0)
    # Left out where it has its default, because older stores were packed without it.
    check_balance: bool = Field(True, exclude_if=lambda check_balance: check_balance)
    declared_labels: dict[str, int] = Field(default_factory=dict)


def packing(name: str, dataset: Dataset, table: Iterable[RemoteFile]) -> Packing:
    """Return the settings with which to pack the dataset ``name``.

    ``table`` is the dataset table, which declares the labels of public files.
    """
    layout = layout_named(dataset.layout or name)
    return Packing(
        layout=layout.name,
        split=dataset.split,
        zero_below=layout.zero_below if dataset.zero_below is None else dataset.zero_below,
        check_balance=dataset.check_balance,
        declared_labels={
            f.file: f.label for f in table if f.dataset == name and f.label is not None
        },
    )
