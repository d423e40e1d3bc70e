"""Which raw files a simulated dataset has. They are named like the public files.

The workflow needs these names whenever it starts, so this module imports no simulation.
"""

from typing import NamedTuple

from calobatch.config.dataset import Simulated
from calobatch.config.generator import Generator
from calobatch.errors import UserError
from calobatch.layouts import Layout, simulator_of

# The numbers that each simulation can write beside an image.
SCALARS = {"crops": (), "jets": ("pt", "m0", "multiplicity")}


class PlannedFile(NamedTuple):
    """A raw file to be simulated: its name, and its number of events of class 0 and of class 1."""

    name: str
    class_0: int
    class_1: int

    @property
    def events(self) -> int:
        """Number of events of both classes."""
        return self.class_0 + self.class_1


def planned_files(layout: Layout, settings: Simulated) -> list[PlannedFile]:
    """Return the files of a simulated dataset; half of its events are from each class.

    A file without events is left out. Raises a UserError if the layout cannot be simulated, or has
    a scalar that is not simulated, or if crops are to have a generator of jets.
    """
    simulator = simulator_of(layout)
    for scalar in layout.scalars:
        if scalar.in_file not in SCALARS[simulator]:
            raise UserError(
                f"layout {layout.name}: the simulation of {simulator} has no scalar "
                f"{scalar.in_file!r}, only {', '.join(SCALARS[simulator]) or 'images'}; remove it "
                "from the layout"
            )
    if simulator == "crops" and settings.generator != Generator():
        raise UserError(
            f"layout {layout.name}: generator is for jets only; remove it from this dataset"
        )
    match simulator:
        case "crops":
            files = _crop_files(settings)
        case "jets":
            files = _jet_files(settings)
    return [file for file in files if file.events]


def _crop_files(settings: Simulated) -> list[PlannedFile]:
    """Plan one file per class, like the public crops."""
    class_1 = settings.events // 2
    class_0 = settings.events - class_1
    electrons = f"SingleElectronPt50_IMGCROPS_n{_thousands(class_1)}_RHv1.hdf5"
    photons = f"SinglePhotonPt50_IMGCROPS_n{_thousands(class_0)}_RHv1.hdf5"
    return [PlannedFile(electrons, 0, class_1), PlannedFile(photons, class_0, 0)]


def _jet_files(settings: Simulated) -> list[PlannedFile]:
    """Plan a training file and a test file, each with both classes, like the public jets."""
    test = round(settings.test_share * settings.events)
    return [
        PlannedFile(
            f"QCDToGGQQ_IMGjet_RH1all_jet0_run0_n{events}.{part}.snappy.parquet",
            events - events // 2,
            events // 2,
        )
        for part, events in (("train", settings.events - test), ("test", test))
    ]


def _thousands(events: int) -> str:
    """Write a number of events as the public crop files do: 249000 is 249k."""
    return f"{events // 1000}k" if events % 1000 == 0 else str(events)
