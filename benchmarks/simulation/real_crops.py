"""The 100 real crops of the tests, in two halves: one to fit with, one to look at once at the end.

"Real" means that the crops come from the full CMS detector simulation, as the public files do. This
is the only place that says which crop belongs to which half.
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from calobatch.checkout import CHECKOUT
from calobatch.simulate.crops.crops import ENERGY_SCALE

Images = NDArray[np.float64]
Particle = Literal["electron", "photon"]
Half = Literal["fit", "kept back", "all"]
PARTICLES: tuple[Particle, Particle] = ("photon", "electron")  # in the order of their labels
# `x` (100, 32, 32) is energy / 50 GeV, and `y` is 1 for electrons.
REAL_CROPS = CHECKOUT / "tests" / "data" / "real" / "electron_photon_energy_100.npz"


def real_crops(particle: Particle, half: Half) -> Images:
    """Return the energies (GeV) of the real crops of one class: (N, 32, 32).

    Within each class, the crops at even positions of the file are for the fit, and the crops at
    odd positions are kept back.
    """
    with np.load(REAL_CROPS) as file:
        of_class = file["x"][file["y"] == PARTICLES.index(particle)].astype(float) * ENERGY_SCALE
    chosen = {"fit": slice(0, None, 2), "kept back": slice(1, None, 2), "all": slice(None)}
    images: Images = of_class[chosen[half]]
    return images
