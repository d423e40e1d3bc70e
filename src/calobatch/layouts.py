"""Describe each kind of dataset: shape, channels and units of its images, classes, file keys."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

from calobatch.errors import UserError

Simulator = Literal["crops", "jets"]


class Channel(NamedTuple):
    """One plane of an image: the quantity, and the unit of a value of 1 in the file."""

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
    # Pixels below this size become zero when a file is packed. The authors of the jet files do so
    # at 1e-3 GeV; the authors of the crops do not.
    zero_below: float
    # Share of class 1 that the authors of the public files state; pack refuses a file that strays
    # from it, because its labels are then probably wrong.
    class_1_share: float
    # A raw file with this mark in its name holds official test events. None: the authors published
    # no test files, and calobatch chooses the test events itself.
    official_test_mark: str | None
    pixel_size: str
    # The folder of calobatch/simulate that can write such files. None: they can only be fetched.
    simulator: Simulator | None = None

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of one image: channels, rows (eta), columns (phi)."""
        return len(self.channels), self.height, self.width

    @property
    def pixels(self) -> int:
        """Number of values of one image, all channels together."""
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
    simulator="crops",
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
    simulator="jets",
)

LAYOUTS = {layout.name: layout for layout in (ELECTRON_PHOTON, QUARK_GLUON)}


def layout_named(name: str) -> Layout:
    """Return the layout called ``name``. Raises a UserError that lists the known layouts."""
    if name not in LAYOUTS:
        raise UserError(f"unknown layout {name!r}; known layouts: {', '.join(sorted(LAYOUTS))}")
    return LAYOUTS[name]


def simulator_of(layout: Layout) -> Simulator:
    """Return the name of the simulation that writes files of ``layout``.

    Raises a UserError if there is none. The check imports no simulation, so that a scenario can be
    refused when it is read.
    """
    if layout.simulator is None:
        simulated = sorted(name for name, known in LAYOUTS.items() if known.simulator)
        raise UserError(
            f"layout {layout.name!r} cannot be simulated; fetch its files (source: fetch), or use "
            f"a layout that can be simulated: {', '.join(simulated)}"
        )
    return layout.simulator
