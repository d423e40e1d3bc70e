"""Every key that a dataset of a scenario may have: where its events come from, and their splits.

The messages of `calobatch check`, the JSON schema and config/README.md all come from this file.
"""

import itertools
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from calobatch.config.generator import Generator
from calobatch.config.section import (
    Name,
    NotNegative,
    Number,
    Section,
    Share,
    unit,
)

# Strict, because `seed: true` or `seed: 2.5` is a mistake.
Seed = Annotated[int, Field(ge=0, lt=2**31, strict=True)]
SPLITS = ("train", "validation", "test")


def _at_least_three(folds: int) -> int:
    if folds < 3:
        raise ValueError(
            f"{folds} folds are too few; use at least 3, because one part is tested, one validates "
            "and the others train"
        )
    return folds


# The numbers of the parts have 8 bits in a store.
Folds = Annotated[int, Field(le=255, strict=True), AfterValidator(_at_least_three)]


class Split(Section):
    """How the events are divided at random, with the same fraction of each class in every split."""

    # Left out where it has its default, because older stores and jobs were made without it.
    by: Literal["file", "event", "column"] = Field(
        "file",
        description="file: official test files, if the dataset has any, are the test split; event: "
        "the events of all files are divided; column: all events with the same number in `column`, "
        "such as a run, are in the same split. With `folds`, the default is event",
        exclude_if=lambda by: by == "file",
    )
    folds: Folds | None = Field(
        None,
        description="number of folds, for cross-validation: the events are divided into as many "
        "parts of the same size, and each task is trained once per fold; fold k is tested on part "
        "k, validated on the next part and trained on the others, so that every event is tested "
        "once; `validation` and `test` are not used",
        json_schema_extra=unit("folds"),
        exclude_if=lambda folds: folds is None,
    )
    column: str = Field(
        "",
        description="key or column of the raw files by which events are kept together; only with "
        "`by: column`",
        exclude_if=lambda column: not column,
    )
    validation: Share = Field(
        0.1, description="validation split, as a fraction of the events outside the test split"
    )
    test: Share = Field(
        0.2,
        description="test split, as a fraction of all events; not used if there are official "
        "test files",
    )
    seed: Seed = Field(4, description="seed of the random division")

    @model_validator(mode="before")
    @classmethod
    def _folds_divide_events(cls, content: Any) -> Any:
        if isinstance(content, dict) and content.get("folds") is not None:
            return {"by": "event", **content}
        return content

    @property
    def parts(self) -> tuple[str, ...]:
        """The names of the parts into which the events are divided."""
        return tuple(f"part {k}" for k in self.fold_numbers) if self.folds else SPLITS

    def part_in_words(self, name: str) -> str:
        """Return what messages call the part ``name``."""
        return name if self.folds else f"the {name} split"

    @property
    def fold_numbers(self) -> tuple[int, ...]:
        """The numbers of the folds, from 1; empty if there are none."""
        return tuple(range(1, self.folds + 1)) if self.folds else ()

    @model_validator(mode="after")
    def _folds_pool_files(self) -> "Split":
        if self.folds and self.by == "file":
            raise ValueError(
                "by: file keeps the official test files for the test, but with folds every event "
                "is tested once; remove by, or remove folds"
            )
        return self

    @model_validator(mode="after")
    def _column_goes_with_by(self) -> "Split":
        if (self.by == "column") != bool(self.column):
            raise ValueError(
                "column names the numbers that keep events together; set both by: column and "
                "column, or neither"
            )
        return self


class Reweight(Section):
    """Weights with which a scalar has the same spectrum in every class of the training split."""

    scalar: Name = Field(description="name of a scalar of the layout, such as pt")
    bins: int | None = Field(
        None,
        gt=0,
        strict=True,
        description="number of bins of the spectrum, each with the same number of training events; "
        "default: 20, or those of `edges`",
        json_schema_extra=unit("bins"),
    )
    edges: tuple[Number, ...] = Field(
        (),
        description="edges of the bins, instead of `bins`; events outside of them get weight 0",
        json_schema_extra=unit("as the scalar"),
    )

    @model_validator(mode="after")
    def _edges_are_bins(self) -> "Reweight":
        if self.edges and self.bins:
            raise ValueError("edges gives the bins; remove bins")
        if len(self.edges) == 1 or any(a >= b for a, b in itertools.pairwise(self.edges)):
            raise ValueError("edges must be two or more numbers, in ascending order; sort them")
        return self


class Dataset(Section):
    """The keys that simulated and fetched datasets share."""

    layout: str = Field(
        "", description="name of a file in `layouts/`, without .yaml; default: the dataset's name"
    )
    split: Split = Field(Split(), description="how the events are divided into splits")
    zero_below: NotNegative | None = Field(
        None,
        description="set pixels whose absolute value is below this to zero, in the units of the "
        "files; default: the layout's value",
        json_schema_extra=unit("as in the files"),
    )
    reweight: Reweight | None = Field(
        None,
        description="weights with which a scalar has the same spectrum in every class, so that by "
        "itself it does not tell the classes apart; default: none",
        exclude_if=lambda reweight: reweight is None,
    )
    check_balance: bool = Field(
        True,
        description="refuse files in which the share of a class is not as the layout declares",
        exclude_if=lambda check_balance: check_balance,
    )


class Simulated(Dataset):
    """Raw files that calobatch simulates itself, in the layout of the public files."""

    source: Literal["simulate"] = Field(description="simulate: calobatch makes the files")
    events: int = Field(gt=0, description="number of events, half of each class",
                        strict=True, json_schema_extra=unit("events"))  # fmt: skip
    test_share: Share = Field(
        0.2, description="fraction of the events in the official test file (quark_gluon only)"
    )
    pile_up: int = Field(
        0,
        ge=0,
        le=200,
        strict=True,
        description="mean number of pile-up collisions added to an event (quark_gluon only)",
        json_schema_extra=unit("collisions"),
    )
    seed: Seed = Field(1, description="seed of the simulation")
    # Left out where it has its default, because older files were simulated without it.
    generator: Generator = Field(
        Generator(),
        description="collisions and jets, and whether there is a detector (jets only)",
        exclude_if=lambda generator: generator == Generator(),
    )


class Fetched(Dataset):
    """Public files, which config/datasets.csv lists."""

    source: Literal["fetch"] = Field(description="fetch: calobatch downloads or copies the files")
    files: tuple[str, ...] = Field(
        (),
        description="names of the files to use; default: all that the table lists for the dataset",
    )
    location: str | None = Field(
        None, description="folder or URL that has the files; default: the addresses in the table"
    )


def _as_tuple(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


PATH: dict[str, Any] = {"type": "string", "minLength": 1}
Paths = Annotated[
    tuple[Annotated[str, Field(min_length=1)], ...],
    BeforeValidator(_as_tuple),
    WithJsonSchema({"anyOf": [PATH, {"type": "array", "items": PATH}]}),
]


class Files(Dataset):
    """Raw files of your own, which are read where they are."""

    source: Literal["files"] = Field(description="files: raw files that you have already")
    files: Paths | dict[str, Paths] = Field(
        description="paths, in which * stands for any characters; or, if each file has events of "
        "one class, the paths of each class under its name"
    )

    @model_validator(mode="after")
    def _each_path_has_one_class(self) -> "Files":
        listed: dict[str, str] = {}
        for name, paths in self.files.items() if isinstance(self.files, dict) else ():
            for path in paths:
                if path in listed:
                    raise ValueError(
                        f"files: {path} is listed under {listed[path]} and {name}; list it under "
                        "one class, or without classes if it has labels"
                    )
                listed[path] = name
        return self

    def paths(self) -> dict[str, str | None]:
        """Return all paths as they are written, each with its class, or with None."""
        if isinstance(self.files, dict):
            return {path: name for name, paths in self.files.items() for path in paths}
        return dict.fromkeys(self.files)


AnyDataset = Annotated[Simulated | Fetched | Files, Field(discriminator="source")]
