"""What a kind of dataset looks like: its images, classes and scalars, and its keys in raw files.

Each layout is a file of config/layouts; :mod:`calobatch.config.layout_file` reads it.
"""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from calobatch.config.section import NAME, NotNegative, Number, Section
from calobatch.errors import UserError

Simulator = Literal["crops", "jets"]
# A label is stored in one byte.
MOST_CLASSES = 256
Text = Annotated[str, Field(min_length=1)]


class Channel(Section):
    """One plane of an image: a quantity."""

    name: Text = Field(description="the quantity, for pictures and tables")
    unit: str = Field("", description="unit of a value of 1 in the file, such as GeV or 50 GeV")
    signed: bool = Field(False, description="whether values below zero have a meaning")
    key: str = Field(
        "",
        description="key or column of the raw file that has this channel; only in a layout without "
        "`image`",
    )


class Scalar(Section):
    """A number that an event has in addition to its image."""

    name: str = Field(pattern=NAME, description="name of the number, for models and tables")
    unit: str = Field("", description="unit of a value of 1 in the file")
    key: str = Field("", description="key or column of the raw file that has it; default: the name")

    @property
    def in_file(self) -> str:
        """The key or column of the raw file."""
        return self.key or self.name


class Axis(Section):
    """The rows or the columns of an image."""

    number: int = Field(gt=0, strict=True, description="number of rows or columns")
    name: Text = Field(description="the coordinate, such as η, φ, x or layer")
    step: Number | None = Field(
        None, gt=0, description="size of a pixel along this axis, in `unit`; for pictures"
    )
    unit: str = Field("", description="unit of the coordinate, for pictures; empty if it has none")


class Hits(Section):
    """Images as lists: each event has the coordinates and the values of its pixels that are hit."""

    row: Text = Field(description="key or column with the row of each hit, counted from 0")
    column: Text = Field(description="key or column with the column of each hit, counted from 0")
    value: Text = Field(description="key or column with the value of each hit")
    channel: Text | None = Field(
        None,
        description="key or column with the channel of each hit, counted from 0; needed unless "
        "the layout has one channel",
    )
    twice: Literal["refuse", "add"] = Field(
        "refuse",
        description="what to do with several hits in one pixel: refuse the file, or add them up",
    )

    @property
    def coordinates(self) -> tuple[str, ...]:
        """The keys of channel (if there is one), row and column, in this order."""
        return (*((self.channel,) if self.channel else ()), self.row, self.column)

    @property
    def keys(self) -> tuple[str, ...]:
        """All keys of hits."""
        return (*self.coordinates, self.value)


class Layout(Section):
    """A kind of dataset: what its events are, and where a raw file has them."""

    name: str = Field(
        pattern=NAME, description="name of the layout, which is that of its file; may be left out"
    )
    title: str = Field("", description="the kind of data in a few words, for the report")
    classes: tuple[Text, ...] = Field(
        min_length=2,
        max_length=MOST_CLASSES,
        description="names of the classes; the first has label 0, the second 1, and so on. Of two "
        "classes, the second is the signal",
    )
    channels: tuple[Channel, ...] = Field(min_length=1, description="the planes of an image")
    rows: Axis = Field(description="the rows of an image")
    columns: Axis = Field(description="the columns of an image")
    pixel: str = Field("", description="what a pixel is, in a few words, for the report")
    scalars: tuple[Scalar, ...] = Field(
        (), description="numbers that an event has in addition to its image"
    )
    image: Text | None = Field(
        None,
        description="key or column of the raw file that has the images with all channels; leave it "
        "out if each channel has its own `key`, or if there are `hits`",
    )
    hits: Hits | None = Field(
        None,
        description="keys of images that are lists of hits, in parquet and ROOT files; leave it "
        "out if images have all their pixels",
        exclude_if=lambda hits: hits is None,
    )
    tree: Text | None = Field(
        None,
        description="ROOT tree that has the events; default: the only tree of a file",
        exclude_if=lambda tree: tree is None,
    )
    label: Text | None = Field(
        None,
        description="key or column of the raw file that has the labels, as numbers or as names of "
        "classes; leave it out if each file has the events of one class",
    )
    weight: Text | None = Field(
        None,
        description="key or column of the raw file that has the weight of each event; default: "
        "none, all events count the same",
        exclude_if=lambda weight: weight is None,
    )
    zero_below: NotNegative = Field(
        0.0,
        description="pixels whose absolute value is below this become zero when a file is packed, "
        "in the units of the file",
    )
    shares: tuple[Number, ...] | None = Field(
        None,
        description="share of each class in a complete dataset; pack refuses a dataset with other "
        "shares, because its labels are then probably wrong; default: any",
    )
    official_test_mark: str | None = Field(
        None,
        min_length=1,
        description="text in the names of the raw files that have official test events; default: "
        "none, calobatch chooses the test events",
    )
    simulator: Simulator | None = Field(
        None, description="the simulation of calobatch that writes such files; default: none"
    )

    @property
    def height(self) -> int:
        """Number of rows of an image."""
        return self.rows.number

    @property
    def width(self) -> int:
        """Number of columns of an image."""
        return self.columns.number

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of one image: channels, rows, columns."""
        return len(self.channels), self.height, self.width

    @property
    def pixels(self) -> int:
        """Number of values of one image, all channels together."""
        return len(self.channels) * self.height * self.width

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys or columns of a raw file: of images, labels, weights and scalars."""
        return (*self.image_keys, *self.number_keys)

    @property
    def image_keys(self) -> tuple[str, ...]:
        """Those of images: one for all channels, one for each, or those of hits."""
        if self.hits is not None:
            return self.hits.keys
        if self.image is not None:
            return (self.image,)
        return tuple(channel.key for channel in self.channels)

    @property
    def number_keys(self) -> tuple[str, ...]:
        """Those that have one number per event: of labels, weights and scalars."""
        optional = [key for key in (self.label, self.weight) if key is not None]
        return (*optional, *(scalar.in_file for scalar in self.scalars))

    @model_validator(mode="after")
    def _images_have_keys(self) -> "Layout":
        with_key = [channel for channel in self.channels if channel.key]
        if self.hits is not None:
            if self.image is not None or with_key:
                raise ValueError("hits has the images; remove image, and the keys of channels")
            if self.hits.channel is None and len(self.channels) > 1:
                raise ValueError(
                    f"hits.channel is missing, but there are {len(self.channels)} channels; give "
                    "the key of the channel of each hit"
                )
            return self
        if self.image is not None and with_key:
            raise ValueError(
                f"image is {self.image}, and channel {with_key[0].name} has a key too; remove "
                "image, or the keys of all channels"
            )
        if self.image is None and len(with_key) < len(self.channels):
            raise ValueError(
                "image is missing; give the key of the images, the key of each channel, or hits"
            )
        return self

    @model_validator(mode="after")
    def _names_differ(self) -> "Layout":
        for what, names in (
            ("classes", self.classes),
            ("channels", tuple(channel.name for channel in self.channels)),
            ("scalars", tuple(scalar.name for scalar in self.scalars)),
            ("keys", self.keys),
        ):
            if twice := [name for name in names if names.count(name) > 1]:
                raise ValueError(f"{what}: {twice[0]!r} appears twice; rename one of them")
        # Columns of a store, beside those of the scalars.
        for scalar in self.scalars:
            if scalar.name in ("hits", "label", "split", "weight"):
                raise ValueError(
                    f"scalars: calobatch itself uses the name {scalar.name!r}; choose another, and "
                    f"set key to {scalar.name}"
                )
        return self

    @model_validator(mode="after")
    def _shares_are_of_the_classes(self) -> "Layout":
        if self.shares is not None:
            if len(self.shares) != len(self.classes):
                raise ValueError(
                    f"shares has {len(self.shares)} numbers for {len(self.classes)} classes; give "
                    "one share for each class"
                )
            if min(self.shares) <= 0 or abs(sum(self.shares) - 1) > 1e-6:
                raise ValueError(
                    f"shares adds up to {sum(self.shares):g}; give positive shares whose sum is 1"
                )
        return self


def simulator_of(layout: Layout) -> Simulator:
    """Return the name of the simulation that writes files of ``layout``.

    Raises a UserError if there is none. The check imports no simulation, so that a scenario can be
    refused when it is read.
    """
    if layout.simulator is None:
        raise UserError(
            f"layout {layout.name!r} cannot be simulated; fetch its files (source: fetch), or use "
            "a layout with a simulator"
        )
    return layout.simulator
