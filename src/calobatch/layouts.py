"""What the images of each kind of dataset are: shape, channels, units, classes, file keys."""

from dataclasses import dataclass
from typing import NamedTuple

from calobatch.errors import UserError


class Channel(NamedTuple):
    """One plane of an image: the quantity, and the unit of one count in the file."""

    name: str
    unit: str


@dataclass(frozen=True)
class Layout:
    """A kind of dataset. Class 1 is always the signal: the electron, and the quark."""

    name: str
    classes: tuple[str, str]
    channels: tuple[Channel, ...]
    height: int
    width: int
    scalars: tuple[Channel, ...]
    image_key: str
    label_key: str
    # The authors of the jet files zero everything below 1e-3; the crops have no such step.
    zero_below: float
    # Share of class 1 that the public files declare; a packed file that strays from it is refused.
    class_1_share: float
    # File names that carry this mark are the official test set; None: the split is ours alone.
    official_test_mark: str | None
    pixel_size: str

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of one image: channels, rows (eta), columns (phi)."""
        return len(self.channels), self.height, self.width

    @property
    def pixels(self) -> int:
        """Number of values of one image, all channels."""
        return len(self.channels) * self.height * self.width


ELECTRON_PHOTON = Layout(
    name="electron_photon",
    classes=("photon", "electron"),
    channels=(Channel("energy", "50 GeV"), Channel("time", "50 ns")),
    height=32,
    width=32,
    scalars=(),
    image_key="X",
    label_key="y",
    zero_below=0.0,
    class_1_share=0.5,
    official_test_mark=None,
    pixel_size="one barrel crystal (0.0174 x 0.0174)",
)

QUARK_GLUON = Layout(
    name="quark_gluon",
    classes=("gluon", "quark"),
    channels=(
        Channel("track pT", "GeV"),
        Channel("ECAL energy", "GeV"),
        Channel("HCAL tower energy / 25", "GeV"),
    ),
    height=125,
    width=125,
    scalars=(Channel("pt", "GeV"), Channel("m0", "GeV")),
    image_key="X_jets",
    label_key="y",
    zero_below=1e-3,
    class_1_share=0.5,
    official_test_mark=".test.",
    pixel_size="a fifth of an HCAL tower (0.0174 x 0.0174)",
)

LAYOUTS = {layout.name: layout for layout in (ELECTRON_PHOTON, QUARK_GLUON)}


def layout_named(name: str) -> Layout:
    """Return the layout of that name, or raise a UserError that lists the known ones."""
    if name not in LAYOUTS:
        raise UserError(f"unknown layout {name!r}; known layouts: {', '.join(sorted(LAYOUTS))}")
    return LAYOUTS[name]
