from pathlib import Path

from calobatch.config.reference import SECTIONS, reference_page
from calobatch.config.scenario import ScenarioFile, Task
from tests.checkout import CHECKOUT


def test_the_page_in_the_repository_is_up_to_date():
    page = Path(CHECKOUT / "config" / "README.md").read_text()
    assert page == reference_page(), "run `make schema`"


def test_every_key_of_every_section_is_there_with_its_meaning():
    rows = [line.split(" | ") for line in reference_page().splitlines() if line.startswith("| `")]
    listed = [row[0].strip("| `") for row in rows]
    assert listed == [name for _, model, _ in SECTIONS for name in model.model_fields]
    assert {"datasets", "tasks", "seeds"} <= set(ScenarioFile.model_fields) <= set(listed)
    assert "learning_rate" in Task.model_fields
    assert all(len(row) == 5 and row[4].strip(" |") for row in rows)


def test_a_key_has_its_bounds_and_its_default():
    assert "| `shift` | whole number, at least 0, at most 4 | pixels | `0` |" in reference_page()
    assert "| `epochs` | whole number, above 0 | epochs | required |" in reference_page()
