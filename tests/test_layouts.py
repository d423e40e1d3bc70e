import subprocess
import sys

import numpy as np
import pytest

from calobatch.errors import UserError
from calobatch.layouts import simulator_of
from calobatch.simulate.jets.image import ZERO_BELOW
from calobatch.store import pixel_type
from tests.layouts import ELECTRON_PHOTON, LAYOUTS, QUARK_GLUON


def test_the_layouts_agree_with_the_public_files():
    crops, jets = ELECTRON_PHOTON, QUARK_GLUON
    assert (crops.shape, crops.pixels) == ((2, 32, 32), 2048)
    assert (jets.shape, jets.pixels) == ((3, 125, 125), 46875)
    assert (crops.image, crops.label, crops.scalars) == ("X", "y", ())
    assert (jets.image, jets.label) == ("X_jets", "y")
    assert [scalar.in_file for scalar in jets.scalars] == ["pt", "m0"]
    assert (crops.zero_below, jets.zero_below) == (0, 1e-3)


def test_class_1_is_the_electron_and_the_quark():
    assert [layout.classes[1] for layout in LAYOUTS.values()] == ["electron", "quark"]


def test_a_layout_names_its_simulation():
    found = {name: simulator_of(layout) for name, layout in LAYOUTS.items()}
    assert found == {"electron_photon": "crops", "quark_gluon": "jets"}


def test_simulated_jets_have_the_threshold_of_their_layout():
    assert QUARK_GLUON.zero_below == ZERO_BELOW


def test_a_layout_without_a_simulation_is_refused():
    muons = ELECTRON_PHOTON.model_copy(update={"name": "muons", "simulator": None})
    with pytest.raises(UserError, match=r"^layout 'muons' cannot be simulated; fetch its files"):
        simulator_of(muons)


@pytest.mark.parametrize(("pixels", "kind"), [(2**16 - 1, np.uint16), (2**16, np.uint32)])
def test_the_largest_pixel_number_is_free_to_mark_pixels_that_leave_the_image(pixels, kind):
    assert pixel_type(pixels) == kind
    assert np.iinfo(kind).max >= pixels


def test_planning_simulated_files_loads_no_simulation():
    program = (
        "import sys, calobatch.simulate.planned_files;"
        "print({'awkward', 'fastjet', 'h5py', 'numpy', 'pyarrow', 'pythia8mc'} & set(sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert run.stdout.strip() == "set()", run.stderr
