"""Every key that a scenario or a task may have, with its type, bounds and default."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from calobatch.layouts import LAYOUTS

# Names become folders and Snakemake wildcards.
NAME = r"^[a-z0-9_]+$"
Name = Annotated[str, Field(pattern=NAME)]


def _refuse_bool(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError(f"expected a number, found {str(value).lower()}")
    return value


# Not strict as whole numbers are, because YAML takes 1e-3 for text. Bounds stand before the
# validator: after it they would be none of the JSON schema's.
Number = Annotated[float, BeforeValidator(_refuse_bool)]
NotNegative = Annotated[float, Field(ge=0), BeforeValidator(_refuse_bool)]
Share = Annotated[float, Field(ge=0, lt=1), BeforeValidator(_refuse_bool)]
# Strict: `epochs: true` or `epochs: 2.5` is a slip, not a number of epochs.
Seed = Annotated[int, Field(ge=0, lt=2**31, strict=True)]
SPLITS = ("train", "validation", "test")


class Section(BaseModel):
    """A part of the configuration: unknown keys are errors, values do not change once read."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Split(Section):
    """How events are divided, stratified by class. Official test files are kept as they are."""

    validation: Share = Field(0.1, description="share of the events that are not test events")
    test: Share = Field(0.2, description="share of all events; unused with official test files")
    seed: Seed = 4


class Dataset(Section):
    """What both sources of a dataset have in common."""

    layout: str = Field("", description="kind of image; by default the dataset's own name")
    split: Split = Split()
    zero_below: NotNegative | None = Field(
        None, description="pixels of smaller size become zero; by default the layout's value"
    )


class Simulated(Dataset):
    """Raw files written by calobatch's own simulation, in the layout of the public files."""

    source: Literal["simulate"]
    events: int = Field(gt=0, description="events in all, half of them of each class", strict=True)
    test_share: Share = Field(0.2, description="share written to the official test file, if any")
    pile_up: int = Field(
        0, ge=0, le=200, description="mean number of overlaid collisions (jets)", strict=True
    )
    seed: Seed = 1


class Fetched(Dataset):
    """The public files, as listed in config/datasets.csv."""

    source: Literal["fetch"]
    files: tuple[str, ...] = Field((), description="only these files; by default all of them")
    location: str | None = Field(
        None, description="folder or URL that holds the files, in place of the table's addresses"
    )


AnyDataset = Annotated[Simulated | Fetched, Field(discriminator="source")]


class Constant(Section):
    """The learning rate stays."""

    kind: Literal["constant"] = "constant"


class Cosine(Section):
    """The learning rate falls to zero along half a cosine, over all epochs after the warm-up."""

    kind: Literal["cosine"]


class Plateau(Section):
    """The learning rate is multiplied by ``factor`` after ``patience`` epochs without progress."""

    kind: Literal["plateau"]
    factor: Number = Field(0.2, gt=0, lt=1)
    patience: int = Field(10, gt=0, strict=True)


Schedule = Annotated[Constant | Cosine | Plateau, Field(discriminator="kind")]


class Augmentation(Section):
    """Random moves of training images, drawn for each event and epoch; none by default."""

    flip_eta: bool = Field(False, description="half of the images are mirrored in eta")
    flip_phi: bool = Field(False, description="half of the images are mirrored in phi")
    shift: int = Field(
        0, ge=0, le=4, description="by up to so many pixels in eta and in phi", strict=True
    )

    @property
    def moves(self) -> int:
        """How many moves there are to draw from."""
        return (1 + self.flip_eta) * (1 + self.flip_phi) * (1 + 2 * self.shift) ** 2


class Training(Section):
    """One training: the same settings, seed and ranks give the same predictions."""

    model: str = Field(description="module of calobatch.models, or package.module of your own")
    model_options: dict[str, Any] = Field({}, description="keyword arguments of the model")
    epochs: int = Field(gt=0, strict=True)
    batch_size: int = Field(gt=0, description="events a step, over all ranks together", strict=True)
    learning_rate: Number = Field(gt=0)
    optimizer: Literal["adam", "adamw"] = "adam"
    weight_decay: Number = Field(0.0, ge=0)
    schedule: Schedule = Constant()
    warmup_epochs: Number = Field(0.0, ge=0, description="the rate rises linearly so long")
    grow_batch_with_ranks: bool = Field(False, description="batch_size events a rank, not in all")
    learning_rate_scaling: Literal["none", "sqrt", "linear"] = Field(
        "none", description="how the rate follows a batch that grew with the ranks"
    )
    augmentation: Augmentation = Augmentation()
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        "auto", description="auto: bfloat16 where a GPU has it, float32 elsewhere"
    )
    channels_last: bool = Field(False, description="images lie in memory pixel by pixel")
    passes_per_step: int = Field(
        1, gt=0, strict=True, description="a rank's batch in so many parts: less memory"
    )
    compress_gradients: bool = Field(False, description="sent between ranks in half precision")
    threads: int = Field(1, gt=0, strict=True, description="cores of a rank")
    early_stopping: int | None = Field(
        None,
        gt=0,
        strict=True,
        description="stop after so many epochs without a better validation AUC",
    )
    ranks: int = Field(
        2, gt=0, description="processes that train together; one GPU each", strict=True
    )
    communicator: Literal["horovod", "torch", "single"] = "horovod"
    device: Literal["auto", "cpu"] = Field("auto", description="auto: a GPU a rank where there are")

    @model_validator(mode="after")
    def _warmup_ends(self) -> "Training":
        if self.warmup_epochs >= self.epochs:
            raise ValueError(
                f"warmup_epochs {self.warmup_epochs:g} of {self.epochs} epochs: the full "
                "learning_rate would never be reached; lower warmup_epochs, or raise epochs"
            )
        return self

    @model_validator(mode="after")
    def _ranks_fit(self) -> "Training":
        if self.communicator == "single" and self.ranks != 1:
            raise ValueError(f"communicator 'single' has one rank, but ranks is {self.ranks}")
        if self.learning_rate_scaling != "none" and not self.grow_batch_with_ranks:
            raise ValueError(
                f"learning_rate_scaling {self.learning_rate_scaling!r} follows a batch that grows "
                "with the ranks; set grow_batch_with_ranks too, or leave it out"
            )
        if self.ranks > self.batch_size and not self.grow_batch_with_ranks:
            raise ValueError(
                f"batch_size {self.batch_size} cannot be shared by {self.ranks} ranks; "
                "raise batch_size, lower ranks, or set grow_batch_with_ranks"
            )
        return self


class Task(Training):
    """A row of the leaderboard: a model trained on a dataset, and what others reached."""

    title: str
    dataset: str
    reference_auc: dict[Literal["train", "validation", "test"], float] = Field(
        {}, description="published result on the public data, by split"
    )
    reference_source: str = ""

    def training(self) -> Training:
        """Return the part that a training depends on, and nothing else."""
        return Training(**{name: getattr(self, name) for name in Training.model_fields})


class Scenario(Section):
    """One run of the workflow: which data, from which source, which tasks, which seeds."""

    name: Name
    title: str
    datasets: dict[Name, AnyDataset] = Field(min_length=1)
    tasks: dict[Name, Task] = Field(min_length=1)
    seeds: tuple[Seed, ...] = Field((1,), min_length=1)

    @model_validator(mode="after")
    def _names_agree(self) -> "Scenario":
        for name, dataset in self.datasets.items():
            layout = dataset.layout or name
            if layout not in LAYOUTS:
                raise ValueError(
                    f"datasets.{name}: unknown layout {layout!r}; set layout to one of "
                    f"{', '.join(sorted(LAYOUTS))}"
                )
        for name, task in self.tasks.items():
            if task.dataset not in self.datasets:
                raise ValueError(
                    f"tasks.{name}.dataset: there is no dataset {task.dataset!r}; this scenario "
                    f"has {', '.join(sorted(self.datasets))}"
                )
        if len(set(self.seeds)) != len(self.seeds):
            raise ValueError(f"seeds: {list(self.seeds)} names a seed twice")
        return self


class ScenarioFile(Section):
    """A scenario as it is written down: tasks are taken from config/tasks.yaml, then overridden."""

    title: str
    datasets: dict[str, AnyDataset]
    tasks: dict[str, dict[str, Any] | None] = Field(
        description="names of config/tasks.yaml, each with the keys that differ here"
    )
    defaults: dict[str, Any] = Field({}, description="keys that differ here for every task")
    seeds: tuple[Seed, ...] = (1,)
