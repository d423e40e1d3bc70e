import numpy as np
import pytest

from calobatch.simulate.barrel import CALORIMETER_RADIUS_M
from calobatch.simulate.crops.material import layers, total


def test_the_material_is_the_published_one_and_the_same_on_both_sides() -> None:
    """CMS, JINST 3 (2008) S08004: 0.4 X0 at eta 0, rising to about 1.8 X0 at |eta| = 1.4."""
    assert total(np.array([0.0, 1.4, -1.4])) == pytest.approx([0.4, 1.8, 1.8], rel=0.1)


def test_material_grows_with_pseudorapidity() -> None:
    assert np.all(np.diff(total(np.linspace(0, 1.2, 20))) > 0)


def test_layers_are_crossed_from_the_inside_outward_and_all_before_the_crystals() -> None:
    radii = [layer.radius for layer in layers(np.zeros(1))]
    assert radii == sorted(radii)
    assert 0 < radii[0] < radii[-1] < CALORIMETER_RADIUS_M
