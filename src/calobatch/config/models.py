"""Every key that a scenario or a task may have, with its type, bounds, default and meaning.

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
    refuse_bool,
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
        description="edges of the bins, in place of `bins`; events outside of them get weight 0",
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


class Constant(Section):
    """The learning rate does not change after the warm-up."""

    kind: Literal["constant"] = Field("constant", description="do not change the learning rate")


class Cosine(Section):
    """The learning rate falls to zero along half a cosine, over all epochs after the warm-up."""

    kind: Literal["cosine"] = Field(description="lower the learning rate along half a cosine")


class Plateau(Section):
    """The learning rate is lowered whenever the validation AUC stops improving."""

    kind: Literal["plateau"] = Field(description="lower the learning rate when progress stops")
    factor: Number = Field(
        0.2, gt=0, lt=1, description="factor by which the learning rate is multiplied"
    )
    patience: int = Field(
        10,
        gt=0,
        strict=True,
        description="number of epochs without progress before the learning rate is lowered",
        json_schema_extra=unit("epochs"),
    )


Schedule = Annotated[Constant | Cosine | Plateau, Field(discriminator="kind")]


class Augmentation(Section):
    """Random flips and shifts of the training images, drawn for each event in each epoch."""

    flip_eta: bool = Field(False, description="mirror images in eta, each with probability 1/2")
    flip_phi: bool = Field(False, description="mirror images in phi, each with probability 1/2")
    shift: int = Field(
        0,
        ge=0,
        le=4,
        strict=True,
        description="shift images by up to this number of pixels, in eta and in phi",
        json_schema_extra=unit("pixels"),
    )

    @property
    def moves(self) -> int:
        """Number of different moves; one of them is drawn for each event in each epoch."""
        return (1 + self.flip_eta) * (1 + self.flip_phi) * (1 + 2 * self.shift) ** 2


class Training(Section):
    """One training. The same settings, seed and number of ranks give the same predictions."""

    model: str = Field(
        description="name of a module in calobatch.models, or package.module of your own"
    )
    model_options: dict[str, Any] = Field({}, description="keyword arguments of the model")
    # Left out where they have their defaults, because older trainings were made without them.
    start_from: str = Field(
        "",
        description="folder of a finished training whose weights this one begins with, as far as "
        "they fit (`calobatch download` takes one from MLflow); default: new weights",
        exclude_if=lambda folder: not folder,
    )
    freeze: tuple[str, ...] = Field(
        (),
        description="names of layers or parameters that are not trained, in which * stands for any "
        "characters",
        exclude_if=lambda names: not names,
    )
    epochs: int = Field(
        gt=0,
        strict=True,
        description="number of passes over the training events",
        json_schema_extra=unit("epochs"),
    )
    batch_size: int = Field(
        gt=0,
        strict=True,
        description="number of events per step over all ranks together (see also "
        "grow_batch_with_ranks)",
        json_schema_extra=unit("events"),
    )
    learning_rate: Number = Field(gt=0, description="learning rate at its peak, after the warm-up")
    optimizer: Literal["adam", "adamw"] = Field(
        "adam", description="optimizer of torch: Adam or AdamW"
    )
    weight_decay: Number = Field(0.0, ge=0, description="weight decay of the optimizer")
    schedule: Schedule = Field(
        Constant(), description="how the learning rate changes during the training"
    )
    warmup_epochs: Number = Field(
        0.0,
        ge=0,
        description="number of epochs over which the learning rate rises linearly",
        json_schema_extra=unit("epochs"),
    )
    grow_batch_with_ranks: bool = Field(
        False, description="batch_size is the number of events per rank, not over all ranks"
    )
    learning_rate_scaling: Literal["none", "sqrt", "linear"] = Field(
        "none",
        description="how the learning rate grows with the batch if grow_batch_with_ranks is set: "
        "with the number of ranks (linear), with its square root (sqrt), or not (none)",
    )
    augmentation: Augmentation = Field(
        Augmentation(), description="random flips and shifts of the training images"
    )
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        "auto", description="auto: bfloat16 on GPUs that have it, otherwise float32"
    )
    channels_last: bool = Field(
        False,
        description="order images in memory as (rows, columns, channels); can be faster on GPUs",
    )
    passes_per_step: int = Field(
        1,
        gt=0,
        strict=True,
        description="number of parts into which a rank divides its batch, to use less memory; the "
        "model sees one part at a time",
    )
    compress_gradients: bool = Field(
        False, description="send gradients between ranks in half precision (float16)"
    )
    threads: int = Field(
        1,
        gt=0,
        strict=True,
        description="number of cores per rank; a different number changes the last bits of results",
        json_schema_extra=unit("cores"),
    )
    early_stopping: int | None = Field(
        None,
        gt=0,
        strict=True,
        description="number of epochs without a better validation AUC after which the training "
        "stops; default: never",
        json_schema_extra=unit("epochs"),
    )
    ranks: int = Field(
        2,
        gt=0,
        strict=True,
        description="number of processes that train together, with one GPU each if there are GPUs",
        json_schema_extra=unit("processes"),
    )
    communicator: Literal["horovod", "torch", "single"] = Field(
        "horovod",
        description="library that adds up gradients over ranks; torch: torch.distributed; single: "
        "none, for one rank",
    )
    device: Literal["auto", "cpu"] = Field(
        "auto", description="auto: one GPU per rank if there are GPUs, otherwise the CPU"
    )

    def global_batch(self, ranks: int) -> int:
        """Return the number of events per step over all ``ranks`` together."""
        return self.batch_size * (ranks if self.grow_batch_with_ranks else 1)

    @model_validator(mode="after")
    def _warmup_ends(self) -> "Training":
        if self.warmup_epochs >= self.epochs:
            raise ValueError(
                f"warmup_epochs is {self.warmup_epochs:g}, but epochs is {self.epochs}: the full "
                "learning_rate would never be reached; lower warmup_epochs, or raise epochs"
            )
        return self

    @model_validator(mode="after")
    def _ranks_fit(self) -> "Training":
        if self.communicator == "single" and self.ranks != 1:
            raise ValueError(
                f"communicator 'single' has one rank, but ranks is {self.ranks}; set ranks to 1, "
                "or communicator to horovod or torch"
            )
        if self.learning_rate_scaling != "none" and not self.grow_batch_with_ranks:
            raise ValueError(
                f"learning_rate_scaling {self.learning_rate_scaling!r} needs a batch that grows "
                "with the ranks; set grow_batch_with_ranks too, or remove learning_rate_scaling"
            )
        if self.ranks > self.global_batch(self.ranks):
            raise ValueError(
                f"batch_size {self.batch_size} is too small for {self.ranks} ranks; "
                "raise batch_size, lower ranks, or set grow_batch_with_ranks"
            )
        return self


class Task(Training):
    """A training on a dataset, and the published result that it reproduces."""

    title: str = Field(description="the task in a few words, for the report and MLflow")
    dataset: str = Field(description="name of one of the scenario's datasets")
    reference_auc: dict[Literal["train", "validation", "test"], float] = Field(
        {}, description="published AUC on the public data, by split"
    )
    reference_source: str = Field("", description="where the reference was published")
    # Not in Training, because no result depends on it: a change must not repeat a training.
    hang_seconds: Annotated[float, Field(gt=0), BeforeValidator(refuse_bool)] | None = Field(
        600.0,
        description="end a rank that makes no progress for this time while it waits for no other "
        "rank; the first step and the first validation have three times as long; null: never",
        json_schema_extra=unit("s"),
    )

    def training(self) -> Training:
        """Return the settings that a training depends on, and nothing else."""
        return Training(**{name: getattr(self, name) for name in Training.model_fields})


class Scenario(Section):
    """One run of the workflow, complete: its datasets, tasks and seeds."""

    name: Name
    title: str
    datasets: dict[Name, AnyDataset] = Field(min_length=1)
    tasks: dict[Name, Task] = Field(min_length=1)
    seeds: tuple[Seed, ...] = Field((1,), min_length=1)

    @model_validator(mode="after")
    def _names_agree(self) -> "Scenario":
        for name, task in self.tasks.items():
            if task.dataset not in self.datasets:
                raise ValueError(
                    f"tasks.{name}.dataset: unknown dataset {task.dataset!r}; choose one of "
                    f"{', '.join(sorted(self.datasets))}"
                )
        if len(set(self.seeds)) != len(self.seeds):
            raise ValueError(f"seeds: {list(self.seeds)} lists a seed twice; remove one")
        return self


class ScenarioFile(Section):
    """A scenario file: datasets, and tasks of config/tasks.yaml with the keys that it changes."""

    title: str = Field(description="the scenario in a few words, for the report and MLflow")
    datasets: dict[str, AnyDataset] = Field(description="the datasets, each under its name")
    tasks: dict[str, dict[str, Any] | None] = Field(
        description="names of tasks in config/tasks.yaml, each with the keys to change here; a "
        "task of your own needs all keys of a task, or `like` with the name of another task"
    )
    all_tasks: dict[str, Any] = Field(
        {}, description="keys for all tasks; a task's own keys in this file go before them"
    )
    seeds: tuple[Seed, ...] = Field(
        (1,),
        description="every task is trained once per seed, which sets initial weights, event order "
        "and augmentation",
    )
