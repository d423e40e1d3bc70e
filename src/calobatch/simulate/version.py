"""The version of each simulation: it grows with every change of the events that a seed gives.

The workflow simulates files again if they were made by another version. Without that, results of
two versions would stand in one table.
"""

from typing import Any

from calobatch.errors import UserError
from calobatch.layouts import Layout, Simulator, simulator_of

# tests/simulate/test_version.py has what each version gives. Crops: 2 is the calibrated simulation.
VERSIONS: dict[Simulator, int] = {"crops": 2, "jets": 1}
# The key of the version in the settings of simulate. The first version has none, because files
# that it made were simulated without the key.
VERSION = "version"


def version_key(layout: Layout) -> dict[str, int]:
    """Return what the settings of simulate say about the version of the simulation."""
    version = VERSIONS[simulator_of(layout)]
    return {VERSION: version} if version > 1 else {}


def without_version(settings: dict[str, Any], layout: Layout) -> dict[str, Any]:
    """Return settings without the key of the version.

    Raises UserError if they ask for another version than this code has.
    """
    here = VERSIONS[simulator_of(layout)]
    asked = settings.get(VERSION, here)
    if asked != here:
        raise UserError(
            f"the settings ask for version {asked} of the simulation of {layout.simulator}, but "
            f"this code has version {here}; check out the code that has it"
        )
    return {key: value for key, value in settings.items() if key != VERSION}
