"""What MLflow's page says about a scenario and about a training, in Markdown."""

from collections.abc import Iterator, Sequence

from calobatch.config.models import Scenario
from calobatch.run.exported import exported_files
from calobatch.run.files import CARD_FILE, EXPORT_FOLDER
from calobatch.run.folder import RunFolder
from calobatch.run.leaderboard import Line, lines_of, mean_auc

HEAD = """| task | run | test AUC | validation AUC | reference | events/s |
|---|---|---|---|---|---|
"""
LARGEST = 7_500  # letters; MLflow takes 8,000


def of_scenario(scenario: Scenario, runs: Sequence[RunFolder]) -> str:
    """Return the title of a scenario and its leaderboard.

    The interval of a run is that of its bootstrap. The spread of a mean over several runs is their
    standard deviation.
    """
    rows = "\n".join(_rows(scenario, runs))
    return _cut(f"{scenario.title}\n\n{HEAD}{rows}\n", "leaderboard.csv has all lines.")


def of_run(run: RunFolder) -> str:
    """Return the model card of a training."""
    card = exported_files(run.folder)[CARD_FILE].read_text(encoding="utf-8")
    return _cut(card, f"The whole card is the artifact {EXPORT_FOLDER}/{CARD_FILE}.")


def _rows(scenario: Scenario, runs: Sequence[RunFolder]) -> Iterator[str]:
    lines = [line for line in lines_of(scenario, runs) if line.fold != "all"]
    for task, settings in scenario.tasks.items():
        tests, validations = (
            [line for line in lines if (line.task, line.split) == (task, split)]
            for split in ("test", "validation")
        )
        reference = ", ".join(f"{auc:g} ({split})" for split, auc in settings.reference_auc.items())
        for test, validation in zip(tests, validations, strict=True):
            auc = f"{test.auc:.4f} ({test.auc_low:.4f} to {test.auc_high:.4f})"
            speed = f"{test.events_per_second:,.0f}"
            yield _row(task, _run(test), auc, f"{validation.auc:.4f}", reference, speed)
        if len(tests) > 1:
            means = f"**{mean_auc(tests)}**", mean_auc(validations)
            yield _row(task, f"mean of {len(tests)}", *means, reference, "")


def _run(line: Line) -> str:
    return f"seed {line.seed}" if line.fold is None else f"fold {line.fold}, seed {line.seed}"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _cut(text: str, more: str) -> str:
    """Return a text as it is, or its first lines and ``more`` if MLflow would not take all."""
    if len(text) <= LARGEST:
        return text
    return f"{text[:LARGEST].rpartition(chr(10))[0]}\n\n{more}\n"
