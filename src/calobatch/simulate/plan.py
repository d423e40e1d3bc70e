"""Which raw files a simulated dataset has, named as the public ones are."""

from typing import NamedTuple

from calobatch.config.models import Simulated
from calobatch.layouts import ELECTRON_PHOTON, Layout


class PlannedFile(NamedTuple):
    """A raw file to be simulated, and its events of class 0 and of class 1."""

    name: str
    class_0: int
    class_1: int


def planned_files(layout: Layout, settings: Simulated) -> list[PlannedFile]:
    """Return the files of a simulated dataset: half of the events are of each class.

    Crops come as one file a class, jets as a training and a test file. A file without events is
    left out.
    """
    if layout is ELECTRON_PHOTON:
        class_1 = settings.events // 2
        class_0 = settings.events - class_1
        electrons = f"SingleElectronPt50_IMGCROPS_n{_count(class_1)}_RHv1.hdf5"
        photons = f"SinglePhotonPt50_IMGCROPS_n{_count(class_0)}_RHv1.hdf5"
        files = [PlannedFile(electrons, 0, class_1), PlannedFile(photons, class_0, 0)]
        return [file for file in files if file.class_0 + file.class_1]
    test = round(settings.test_share * settings.events)
    parts = {"train": settings.events - test, "test": test}
    return [
        PlannedFile(
            f"QCDToGGQQ_IMGjet_RH1all_jet0_run0_n{events}.{part}.snappy.parquet",
            events - events // 2,
            events // 2,
        )
        for part, events in parts.items()
        if events
    ]


def _count(events: int) -> str:
    """Write a number of events as the public files do: 249000 is 249k."""
    return f"{events // 1000}k" if events % 1000 == 0 else str(events)
