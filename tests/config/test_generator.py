import pytest
from pydantic import ValidationError

from calobatch.config.dataset import Simulated
from calobatch.config.generator import Generator


def test_a_generator_with_its_defaults_is_left_out_of_the_settings():
    """Files that were simulated before there was this section must not be simulated again."""
    settings = Simulated(source="simulate", events=10, generator={})
    assert "generator" not in settings.model_dump()
    changed = Simulated(source="simulate", events=10, generator={"radius": 0.4})
    again = Simulated.model_validate_json(changed.model_dump_json())
    assert again.generator == Generator(radius=0.4)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"pt_hat_min": 170}, "pt_hat_min is 170, but pt_hat_max is 170; lower pt_hat_min"),
        ({"pt_min": 80, "pt_max": 75}, "pt_min is 80, but pt_max is 75; lower pt_min"),
        ({"pt_min": 500}, "pt_min is 500, but pt_hat_max is 170: hardly any jet would be kept"),
        ({"pt_min": 10, "pt_max": 60}, "pt_max is 60, but pt_hat_min is 80: hardly any jet"),
        ({"processes": {"quark": []}}, "at least 1 item"),
        ({"processes": {"gluon": ["gg2gg = on"]}}, "should match pattern"),
        ({"processes": {"taus": ["HardQCD:gg2gg"]}}, "Extra inputs are not permitted"),
        ({"energy": 0}, "greater than 0"),
        ({"energy": 300}, "pt_hat_max is 170, but each proton has only 150; lower pt_hat_max"),
    ],
)
def test_a_generator_that_cannot_give_jets_is_refused(keys, message):
    with pytest.raises(ValidationError, match=message):
        Generator(**keys)
