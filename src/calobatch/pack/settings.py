"""What packing a dataset depends on besides its raw files."""

from collections.abc import Iterable

from pydantic import Field

from calobatch.config.models import Dataset, Section, Split
from calobatch.fetch.table import RemoteFile
from calobatch.layouts import layout_named


class Packing(Section):
    """The settings of one pack job; the store changes with them and with nothing else."""

    layout: str
    split: Split
    zero_below: float = Field(ge=0)
    declared_labels: dict[str, int] = Field(default_factory=dict)


def packing(name: str, dataset: Dataset, table: Iterable[RemoteFile]) -> Packing:
    """Return how the dataset ``name`` is packed; ``table`` declares the labels of public files."""
    layout = layout_named(dataset.layout or name)
    return Packing(
        layout=layout.name,
        split=dataset.split,
        zero_below=layout.zero_below if dataset.zero_below is None else dataset.zero_below,
        declared_labels={
            f.file: f.label for f in table if f.dataset == name and f.label is not None
        },
    )
