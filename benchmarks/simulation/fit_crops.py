"""Fit what is not known about the simulation of crops, and print the values with uncertainties.

    python -m benchmarks.simulation.fit_crops

The fit looks at half of the real crops and at numbers of the whole public files. It minimises the
sum of squared pulls of all statistics of `crop_statistics`, as if they were independent, plus that
of what is known about the parameters beforehand. All simulations use the same seed.

The values go by hand into the modules of `calobatch.simulate.crops` that the table names.
"""

import argparse
from types import ModuleType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from benchmarks.simulation.crop_statistics import FILE_NUMBERS, of_crops, simulate
from benchmarks.simulation.real_crops import PARTICLES, real_crops
from calobatch.simulate.crops import crops, crystals, material, readout, shower

Values = NDArray[np.float64]
# It grows with the number of crops, so 10,000 simulated ones cannot reach that of a whole file.
NOT_FITTED = "largest energy"


class Parameter(NamedTuple):
    """A constant of the simulation that is fitted."""

    module: ModuleType
    name: str
    unit: str
    start: float
    step: float  # for derivatives: well above the noise of the simulation
    # Known beforehand: the start, with this uncertainty.
    uncertainty: float = np.inf

    def set(self, value: float) -> None:
        """Simulate with this value from now on."""
        setattr(self.module, self.name, value)


PARAMETERS = (
    # 2.19 cm in CMSSW's GFlash. The gaps between crystals, 2 % of their width, add 4 %.
    Parameter(shower, "MOLIERE_RADIUS", "cm", 2.25, 0.1, uncertainty=0.15),
    Parameter(crystals, "FIELD_PATH", "X0", 1.0, 0.4, uncertainty=0.5),
    # The total of the figure can be read to about 10 %.
    Parameter(material, "SCALE", "", 1.0, 0.2, uncertainty=0.1),
    Parameter(crops, "CALIBRATION", "", 1.0, 0.01),
    Parameter(readout, "LARGEST_TIME_SPREAD", "ns", 24.0, 1.0),
)


class Fit:
    """The pulls as a function of the parameters."""

    def __init__(self, events: int, seed: int) -> None:
        """Simulate ``events`` crops per class for each set of parameters."""
        self.events, self.seed = events, seed
        self.real = {particle: of_crops(real_crops(particle, "fit")) for particle in PARTICLES}

    def pulls(self, values: Values) -> Values:
        """Return the pulls of all statistics, of the files' numbers, and of the parameters."""
        for parameter, value in zip(PARAMETERS, values, strict=True):
            parameter.set(float(value))
        pulls = [
            (value - known.start) / known.uncertainty
            for known, value in zip(PARAMETERS, values, strict=True)
        ]
        for particle in PARTICLES:
            crops_NHWC = simulate(particle, self.events, self.seed)
            ours = of_crops(crops_NHWC[..., 0].astype(float) * crops.ENERGY_SCALE)
            pulls += [ours[name].pull(real) for name, real in self.real[particle].items()]
            pulls += [
                (getattr(number, particle) - number.of(crops_NHWC)) / number.tolerance
                for name, number in FILE_NUMBERS.items()
                if name != NOT_FITTED
            ]
        at = ", ".join(f"{v:.4g}" for v in values)
        print(f"sum of squared pulls {np.square(pulls).sum():.1f} at {at}", flush=True)
        return np.array(pulls)


def main() -> None:
    """Fit, and print the parameters as a table."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.simulation.fit_crops",
        description=__doc__.splitlines()[0] if __doc__ else None,
    )
    parser.add_argument("--events", type=int, default=10_000, help="simulated crops per class")
    parser.add_argument("--seed", type=int, default=1, help="seed of the simulation")
    parser.add_argument("--iterations", type=int, default=4, help="largest number of steps")
    arguments = parser.parse_args()
    start = np.array([parameter.start for parameter in PARAMETERS])
    step = np.array([parameter.step for parameter in PARAMETERS])
    found = least_squares(
        Fit(arguments.events, arguments.seed).pulls,
        start,
        diff_step=step / start,
        x_scale=step,
        # Smaller improvements are noise of the simulation.
        ftol=1e-2,
        max_nfev=arguments.iterations,
    )
    error = np.sqrt(np.diag(np.linalg.inv(found.jac.T @ found.jac)))
    print(f"\n{len(found.fun)} pulls, sum of squares {2 * found.cost:.1f}\n")
    print("| parameter | unit | value | known beforehand |\n|---|---|---|---|")
    for parameter, value, its_error in zip(PARAMETERS, found.x, error, strict=True):
        where = f"{parameter.module.__name__.rpartition('.')[2]}.{parameter.name}"
        known = parameter.uncertainty
        beforehand = f"{parameter.start} ± {known}" if np.isfinite(known) else ""
        print(f"| `{where}` | {parameter.unit} | {value:.4g} ± {its_error:.2g} | {beforehand} |")


if __name__ == "__main__":
    main()
