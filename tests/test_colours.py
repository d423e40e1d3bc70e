import numpy as np
import pytest

from calobatch.colours import DECADES, ColourScale

BRIGHTNESS = (0.2126, 0.7152, 0.0722)


@pytest.mark.parametrize("kind", ["log", "linear", "symlog"])
def test_zero_is_black_and_larger_is_brighter(kind):
    steps = np.linspace(0, 3.0, 200)[None]
    brightness = (ColourScale(kind, 3.0).paint(steps) @ BRIGHTNESS)[0]
    assert brightness[0] < 0.02
    assert (np.diff(brightness) >= -1e-6).all()
    assert brightness[-1] > 0.8


@pytest.mark.parametrize("kind", ["linear", "symlog"])
def test_negative_and_positive_values_have_different_colours(kind):
    negative, positive = ColourScale(kind, 1.0).paint(np.array([[-0.5, 0.5]]))[0]
    assert negative[2] > negative[0]
    assert positive[0] > positive[2]


def test_the_ticks_of_a_log_scale_span_its_decades():
    low, middle, high = map(float, ColourScale("log", 10.0).ticks())
    assert high / low == pytest.approx(10**DECADES)
    assert middle == pytest.approx((low * high) ** 0.5, rel=0.05)


@pytest.mark.parametrize("kind", ["log", "linear", "symlog"])
def test_an_image_of_zeros_can_be_painted(kind):
    scale = ColourScale(kind, 0.0)
    assert scale.paint(np.zeros((4, 4))).max() < 0.02
    assert len(scale.ticks()) == 3
