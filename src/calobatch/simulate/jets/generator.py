"""Proton-proton collisions at 8 TeV from Pythia 8 (arXiv:2203.11601), as arrays of particles."""

import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pythia8mc import Event, Pythia, UserHooks

from calobatch.errors import JobError

# A selected jet has |eta| < 1.4 and is within 0.4 of a parton of the hard process, so one of the
# partons must have |eta| < 1.8.
PARTON_ETA_MAX = 1.8
# The indices of the outgoing partons in Pythia's record of the hard process; 1 to 4 are the beams
# and the incoming partons.
HARD_PARTONS = (5, 6)
BOTTOM_AND_CHARM = (4, 5)  # PDG codes of the quarks c and b; the public jets are of u, d, s and g
INVISIBLE = (12, 14, 16)  # PDG codes of the neutrinos
# Pythia occasionally gives up on an event; the next try nearly always works.
ATTEMPTS = 10

Flavour = Literal["quark", "gluon"]
# All 2 -> 2 QCD processes whose two outgoing partons are both quarks, or both gluons. Processes
# with one of each are left out: the jet's label would depend on which parton it is matched to.
PROCESSES: dict[Flavour, tuple[str, ...]] = {
    "quark": ("HardQCD:gg2qqbar = on", "HardQCD:qq2qq = on", "HardQCD:qqbar2qqbarNew = on"),
    "gluon": ("HardQCD:gg2gg = on", "HardQCD:qqbar2gg = on"),
}
# The transverse momentum of the hard process, as for the public jets (arXiv:1902.08276).
PT_HAT_GEV = ("PhaseSpace:pTHatMin = 80.", "PhaseSpace:pTHatMax = 170.")


class Particles(NamedTuple):
    """Visible stable particles of a batch of collisions, one element per particle."""

    event: NDArray[np.int64]  # index of its collision in the batch, ascending
    pdg: NDArray[np.int64]  # code of the Particle Data Group
    charge: NDArray[np.float64]  # in units of the proton's
    pt: NDArray[np.float64]  # GeV
    eta: NDArray[np.float64]
    phi: NDArray[np.float64]  # radians, -pi to pi

    def at(self, index: NDArray[np.bool_] | NDArray[np.int64]) -> "Particles":
        """Return the particles that ``index`` selects."""
        return Particles(
            self.event[index],
            self.pdg[index],
            self.charge[index],
            self.pt[index],
            self.eta[index],
            self.phi[index],
        )


class Dijets(NamedTuple):
    """A batch of collisions with the two outgoing partons of each (E: collisions, P: partons)."""

    particles: Particles
    parton_eta_EP: NDArray[np.float64]
    parton_phi_EP: NDArray[np.float64]


class CentralLightPartons(UserHooks):  # type: ignore[misc]
    """Vetoes hard processes that cannot give a selected jet, before Pythia showers them.

    This saves time: Pythia spends most of it on what follows the hard process.
    """

    def canVetoProcessLevel(self) -> bool:  # noqa: D102
        return True

    def doVetoProcessLevel(self, process: Event) -> bool:  # noqa: D102
        partons = [process[index] for index in HARD_PARTONS]
        forward = all(abs(parton.eta()) > PARTON_ETA_MAX for parton in partons)
        return forward or any(parton.idAbs() in BOTTOM_AND_CHARM for parton in partons)


class DijetGenerator:
    """Collisions that scatter into two light quarks (u, d, s) or into two gluons."""

    def __init__(self, flavour: Flavour, seed: int) -> None:
        # Kept as an attribute because Pythia holds no reference that keeps the hook alive.
        self.hook = CentralLightPartons()
        self.pythia = _pythia((*PROCESSES[flavour], *PT_HAT_GEV), seed, self.hook)

    def collisions(self, count: int) -> Dijets:
        """Return the next ``count`` collisions."""
        records, partons = [], []
        for _ in range(count):
            records.append(_next_record(self.pythia))
            process = self.pythia.process
            partons.append([(process[i].eta(), process[i].phi()) for i in HARD_PARTONS])
        parton_EPX = np.array(partons).reshape(count, len(HARD_PARTONS), 2)
        return Dijets(_particles(records), parton_EPX[..., 0], parton_EPX[..., 1])


def minimum_bias(count: int, seed: int) -> Particles:
    """Return ``count`` non-diffractive inelastic collisions.

    Diffractive collisions would add five seconds to the start-up and leave next to nothing at
    |eta| < 3.
    """
    pythia = _pythia(("SoftQCD:nonDiffractive = on",), seed)
    return _particles([_next_record(pythia) for _ in range(count)])


def _pythia(settings: Sequence[str], seed: int, hook: UserHooks | None = None) -> Pythia:
    """Start a generator that reads the table of multiparton interactions instead of computing it.

    Raises a JobError if Pythia does not start.
    """
    with tempfile.NamedTemporaryFile(prefix="calobatch-pythia-") as table:
        table.write(_interaction_table())
        table.flush()
        return _started((*settings, *_reuse(2, table.name)), seed, hook)


def _started(settings: Sequence[str], seed: int, hook: UserHooks | None = None) -> Pythia:
    """Start a generator. Raises a JobError if Pythia does not start."""
    base = _defaults()
    pythia = Pythia(base.settings, base.particleData, False)
    common = ("Print:quiet = on", "Beams:eCM = 8000.", "Random:setSeed = on")
    for setting in (*common, f"Random:seed = {seed}", *settings):
        if not pythia.readString(setting):
            raise ValueError(f"Pythia does not know the setting {setting!r}")
    if hook is not None:
        pythia.setUserHooksPtr(hook)
    if not pythia.init():
        raise JobError(f"Pythia did not start with the settings {', '.join(settings)}")
    return pythia


@cache
def _defaults() -> Pythia:
    """Return Pythia's settings and particle data, parsed once per process (0.1 s)."""
    return Pythia("", False)


@cache
def _interaction_table() -> bytes:
    """Return Pythia's table of multiparton interactions, integrated once per process (0.2 s).

    The numbers in the table are rounded and depend on the seed of the generator that made it. Every
    generator therefore reads a table that was made with one fixed seed. Otherwise the first block
    that a process simulates would use a table of its own seed, and a block's events would depend on
    which process simulates it.
    """
    with tempfile.TemporaryDirectory(prefix="calobatch-pythia-") as folder:
        table = Path(folder) / "interactions"
        _started((*PROCESSES["gluon"], *PT_HAT_GEV, *_reuse(1, str(table))), seed=1)
        return table.read_bytes()


def _reuse(mode: Literal[1, 2], path: str) -> tuple[str, str]:
    """Return the settings that save (1) or load (2) the table of multiparton interactions."""
    return (
        f"MultipartonInteractions:reuseInit = {mode}",
        f"MultipartonInteractions:initFile = {path}",
    )


def _next_record(pythia: Pythia) -> NDArray[np.float64]:
    """Return PDG code, charge, px, py and pz (GeV) of the next collision's final particles.

    Raises a JobError if Pythia fails ATTEMPTS times in a row.
    """
    if not any(pythia.next() for _ in range(ATTEMPTS)):
        raise JobError(
            f"Pythia failed to generate a collision {ATTEMPTS} times in a row; set a different "
            "seed for the dataset"
        )
    # A positive status marks particles that neither decayed nor were absorbed.
    final = [particle for particle in pythia.event.particles() if particle.status() > 0]
    return np.array(
        [
            [particle.id() for particle in final],
            [particle.charge() for particle in final],
            [particle.px() for particle in final],
            [particle.py() for particle in final],
            [particle.pz() for particle in final],
        ]
    )


def _particles(records: list[NDArray[np.float64]]) -> Particles:
    """Join the records of collisions into one collection, without the neutrinos."""
    event = np.repeat(np.arange(len(records)), [record.shape[1] for record in records])
    pdg, charge, px, py, pz = np.concatenate(records, axis=1)
    pt = np.hypot(px, py)
    visible = ~np.isin(np.abs(pdg), INVISIBLE)
    eta, phi = np.arcsinh(pz / pt), np.arctan2(py, px)
    return Particles(event, pdg.astype(np.int64), charge, pt, eta, phi).at(visible)
