"""Proton-proton collisions from Pythia 8 (arXiv:2203.11601), as arrays of particles."""

import tempfile
from collections.abc import Sequence
from functools import cache
from itertools import compress
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pythia8mc import Event, Particle, Pythia, UserHooks

from calobatch.config.generator import Generator
from calobatch.errors import JobError, UserError

# A jet is of a quark or gluon of the hard process that is at most this far from its axis.
MATCH_RADIUS = 0.4
# The indices of the outgoing particles in Pythia's record of the hard process; 1 to 4 are the beams
# and the incoming partons.
OUTGOING = (5, 6)
INVISIBLE = (12, 14, 16)  # PDG codes of the neutrinos
# Pythia occasionally gives up on an event; the next try nearly always works.
ATTEMPTS = 10
# One hard process in two is vetoed with the default settings.
MOST_VETOES = 10_000

Flavour = Literal["quark", "gluon"]
# PDG codes of the partons of each class: u, d and s quarks, as in the public jets, and gluons.
PARTONS: dict[Flavour, tuple[int, ...]] = {"quark": (1, 2, 3), "gluon": (21,)}
ANY_PARTON = (1, 2, 3, 4, 5, 6, 21)


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
    """A batch of collisions with the outgoing partons of each (E: collisions, P: two particles).

    A particle that is not a parton, such as a Z, has the coordinates NaN.
    """

    particles: Particles
    parton_eta_EP: NDArray[np.float64]
    parton_phi_EP: NDArray[np.float64]


class CentralPartons(UserHooks):  # type: ignore[misc]
    """Vetoes hard processes that cannot give a selected jet, before Pythia showers them.

    This saves time: Pythia spends most of it on what follows the hard process.
    """

    def __init__(self, flavour: Flavour, eta_max: float) -> None:
        super().__init__()
        self.flavour: Flavour = flavour
        self.eta_max = eta_max
        self.vetoes = 0  # in a row

    def canVetoProcessLevel(self) -> bool:  # noqa: D102
        return True

    def doVetoProcessLevel(self, process: Event) -> bool:  # noqa: D102
        partons = [process[i] for i in OUTGOING if process[i].idAbs() in ANY_PARTON]
        forward = all(abs(parton.eta()) > self.eta_max for parton in partons)
        own = PARTONS[self.flavour]
        veto = forward or any(parton.idAbs() not in own for parton in partons)
        self.vetoes = self.vetoes + 1 if veto else 0
        # Pythia would try for ever.
        if self.vetoes > MOST_VETOES:
            raise UserError(
                f"generator.processes.{self.flavour}: none of {MOST_VETOES} collisions had only "
                f"{self.flavour}s (of u, d and s) or gluons of this class within |eta| < "
                f"{self.eta_max:g}; choose other processes"
            )
        return veto


class DijetGenerator:
    """Collisions that scatter into light quarks (u, d, s) or into gluons, as ``settings`` say."""

    def __init__(self, flavour: Flavour, seed: int, settings: Generator) -> None:
        # Kept as an attribute because Pythia holds no reference that keeps the hook alive.
        self.hook = CentralPartons(flavour, settings.eta_max + MATCH_RADIUS)
        self.pythia = _pythia(_hard(flavour, settings), settings, seed, self.hook)

    def collisions(self, count: int) -> Dijets:
        """Return the next ``count`` collisions."""
        records, partons = [], []
        for _ in range(count):
            records.append(_next_record(self.pythia))
            partons.append([_direction(self.pythia.process[i]) for i in OUTGOING])
        parton_EPX = np.array(partons).reshape(count, len(OUTGOING), 2)
        return Dijets(_particles(records, self.pythia), parton_EPX[..., 0], parton_EPX[..., 1])


def minimum_bias(count: int, seed: int, settings: Generator) -> Particles:
    """Return ``count`` collisions of :func:`minimum_bias_pythia`."""
    pythia = minimum_bias_pythia(seed, settings)
    return _particles([_next_record(pythia) for _ in range(count)], pythia)


def minimum_bias_pythia(seed: int, settings: Generator) -> Pythia:
    """Start a generator of non-diffractive inelastic collisions at the energy of ``settings``.

    Diffractive collisions would add five seconds to the start-up and leave next to nothing at
    |eta| < 3.
    """
    return _pythia(("SoftQCD:nonDiffractive = on",), settings, seed)


def _hard(flavour: Flavour, settings: Generator) -> tuple[str, ...]:
    """Return Pythia's settings of the hard processes of a class."""
    processes: tuple[str, ...] = getattr(settings.processes, flavour)
    return (
        *(f"{process} = on" for process in processes),
        f"PhaseSpace:pTHatMin = {settings.pt_hat_min}",
        f"PhaseSpace:pTHatMax = {settings.pt_hat_max}",
    )


def _direction(particle: Particle) -> tuple[float, float]:
    """Return eta and phi of an outgoing parton, and NaN for any other particle."""
    if particle.idAbs() in ANY_PARTON:
        return particle.eta(), particle.phi()
    return np.nan, np.nan


def _pythia(
    process: Sequence[str], settings: Generator, seed: int, hook: UserHooks | None = None
) -> Pythia:
    """Start a generator that reads the table of multiparton interactions instead of computing it.

    Raises a JobError if Pythia does not start.
    """
    with tempfile.NamedTemporaryFile(prefix="calobatch-pythia-") as table:
        table.write(_interaction_table(settings))
        table.flush()
        return _started((*process, *_reuse(2, table.name)), settings, seed, hook)


def _started(
    process: Sequence[str], settings: Generator, seed: int, hook: UserHooks | None = None
) -> Pythia:
    """Start a generator.

    Raises a UserError if Pythia does not know a setting, and a JobError if it does not start.
    """
    base = _base(settings.pythia)
    pythia = Pythia(base.settings, base.particleData, False)
    # These come after the user's, which so cannot change the seed that each block has.
    own = (f"Beams:eCM = {settings.energy}", "Random:setSeed = on", f"Random:seed = {seed}")
    _read((*own, *process), pythia)
    if hook is not None:
        pythia.setUserHooksPtr(hook)
    if not pythia.init():
        raise JobError(f"Pythia did not start with the settings {', '.join((*process, *own))}")
    return pythia


@cache
def _base(settings: tuple[str, ...]) -> Pythia:
    """Return Pythia's defaults with the changes of a user, parsed once per process (0.1 s).

    Generators share the particle data, so different changes need different bases.
    """
    pythia = Pythia("", False)
    _read(("Print:quiet = on", *settings), pythia)
    return pythia


def _read(settings: Sequence[str], pythia: Pythia) -> None:
    """Give Pythia its settings. Raises a UserError if it does not know one."""
    for setting in settings:
        if not pythia.readString(setting):
            raise UserError(f"generator: Pythia does not know the setting {setting!r}; correct it")


@cache
def _interaction_table(settings: Generator) -> bytes:
    """Return Pythia's table of multiparton interactions, integrated once per process (0.2 s).

    The numbers in the table are rounded and depend on the seed of the generator that made it. Every
    generator therefore reads a table that was made with one fixed seed. Otherwise the first block
    that a process simulates would use a table of its own seed, and a block's events would depend on
    which process simulates it.
    """
    with tempfile.TemporaryDirectory(prefix="calobatch-pythia-") as folder:
        table = Path(folder) / "interactions"
        _started((*_hard("gluon", settings), *_reuse(1, str(table))), settings, seed=1)
        return table.read_bytes()


def _reuse(mode: Literal[1, 2], path: str) -> tuple[str, str]:
    """Return the settings that save (1) or load (2) the table of multiparton interactions."""
    return (
        f"MultipartonInteractions:reuseInit = {mode}",
        f"MultipartonInteractions:initFile = {path}",
    )


def _next_record(pythia: Pythia) -> NDArray[np.float64]:
    """Return PDG code, px, py and pz (GeV) of the next collision's final particles.

    Final are those that neither decayed nor were absorbed.

    Raises a JobError if Pythia fails ATTEMPTS times in a row.
    """
    if not any(pythia.next() for _ in range(ATTEMPTS)):
        raise JobError(
            f"Pythia failed to generate a collision {ATTEMPTS} times in a row; set a different "
            "seed for the dataset"
        )
    # The methods are called by map, because a loop over the thousand particles of a record would
    # take half as long again.
    everything = pythia.event.particles()
    final = list(compress(everything, map(Particle.isFinal, everything)))
    columns = (Particle.id, Particle.px, Particle.py, Particle.pz)
    return np.array([np.fromiter(map(column, final), float, len(final)) for column in columns])


def _particles(records: list[NDArray[np.float64]], pythia: Pythia) -> Particles:
    """Join the records of collisions into one collection, without the neutrinos."""
    event = np.repeat(np.arange(len(records)), [record.shape[1] for record in records])
    pdg, px, py, pz = np.concatenate(records, axis=1)
    # There are a hundred kinds of particles, and a hundred times as many particles.
    kinds, kind = np.unique(pdg.astype(np.int64), return_inverse=True)
    charge = np.array([pythia.particleData.charge(int(code)) for code in kinds])[kind]
    pt = np.hypot(px, py)
    visible = ~np.isin(np.abs(pdg), INVISIBLE)
    eta, phi = np.arcsinh(pz / pt), np.arctan2(py, px)
    return Particles(event, pdg.astype(np.int64), charge, pt, eta, phi).at(visible)
