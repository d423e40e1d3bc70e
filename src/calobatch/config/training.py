"""Every key on which the result of a training depends.

The messages of `calobatch check`, the JSON schema and config/README.md all come from this file.
"""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from calobatch.config.section import Number, Section, Share, unit


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
    training_events: int | None = Field(
        None,
        gt=0,
        strict=True,
        description="number of events of the training split that are used; smaller numbers take "
        "part of the events of larger ones; default: all",
        json_schema_extra=unit("events"),
        exclude_if=lambda number: number is None,
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
    # The following ones are left out where they have their defaults, like start_from.
    decay_biases: bool = Field(
        True,
        description="apply the weight decay also to biases, and to the scales and offsets of "
        "normalisations",
        exclude_if=lambda decay_biases: decay_biases,
    )
    clip_gradients: Number | None = Field(
        None,
        gt=0,
        description="largest norm of the gradients of a step, to which larger ones are scaled "
        "down; default: no limit",
        exclude_if=lambda longest: longest is None,
    )
    label_smoothing: Share = Field(
        0.0,
        description="share of each label that is divided equally among all classes; the validation "
        "loss is that of the labels without smoothing",
        exclude_if=lambda share: share == 0,
    )
    average_weights: Share = Field(
        0.0,
        description="decay per step of a moving average of the weights, such as 0.999, which is "
        "validated and kept instead of the weights of the last step; default: no average",
        exclude_if=lambda decay: decay == 0,
    )
    skip_bad_steps: bool = Field(
        False,
        description="skip and count steps whose gradients are infinite or not a number, instead of "
        "ending the training",
        exclude_if=lambda skip: not skip,
    )
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
        "model sees one part at a time. A model of hits is faster with several: the events of a "
        "part have similar numbers of hits",
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

    def on_all_events(self) -> "Training":
        """Return the same settings with all events of the training split."""
        return self.model_copy(update={"training_events": None})

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
                f"communicator 'single' is for one rank, but ranks is {self.ranks}; set ranks to "
                "1, or communicator to horovod or torch"
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
