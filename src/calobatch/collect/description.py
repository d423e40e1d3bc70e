"""What MLflow's page says about a scenario and about a training, in Markdown."""

from collections.abc import Iterator, Sequence
from urllib.parse import quote

from calobatch.config.scenario import Scenario
from calobatch.run.ensemble import EnsembleFolder
from calobatch.run.files import CARD_FILE, EXPORT_FOLDER
from calobatch.run.folder import RunFolder
from calobatch.run.leaderboard import mean_auc
from calobatch.run.metrics import Metrics

HEAD = """| task | run | test AUC | validation AUC | reference | events/s |
|---|---|---|---|---|---|
"""
# Numbers of letters. MLflow takes 8,000 for a run and 5,000 for a version of a model.
LARGEST, LARGEST_OF_VERSION = 7_500, 4_800


def of_scenario(
    scenario: Scenario, runs: Sequence[RunFolder], ensembles: Sequence[EnsembleFolder] = ()
) -> str:
    """Return the title of a scenario and its leaderboard.

    The interval of a run is that of its bootstrap. The spread of a mean over several runs is their
    standard deviation.
    """
    rows = "\n".join([*_rows(scenario, runs), *map(_row_of_ensemble, ensembles)])
    return _cut(f"{scenario.title}\n\n{HEAD}{rows}\n", "leaderboard.csv has all lines.")


def of_run(run: RunFolder) -> str:
    """Return the model card of a training."""
    return _card(run, LARGEST)


def of_version(run: RunFolder) -> str:
    """Return the model card of a training for its version in the registry."""
    return _card(run, LARGEST_OF_VERSION)


def _card(run: RunFolder, largest: int) -> str:
    # Its checksum was compared with all others before the first run was written.
    card = (run.folder / EXPORT_FOLDER / CARD_FILE).read_text(encoding="utf-8")
    return _cut(card, f"The whole card is the artifact {EXPORT_FOLDER}/{CARD_FILE}.", largest)


def address_of_artifact(run_id: str, path: str) -> str:
    """Return the address of a picture of a run, relative to MLflow's page.

    The page itself shows artifacts in this way, also behind a proxy that changes the address.
    """
    return f"get-artifact?path={quote(path)}&run_uuid={run_id}"


def _rows(scenario: Scenario, runs: Sequence[RunFolder]) -> Iterator[str]:
    for task, settings in scenario.tasks.items():
        reference = ", ".join(f"{auc:g} ({split})" for split, auc in settings.reference_auc.items())
        of_task = [run for run in runs if run.record.task == task]
        for run in of_task:
            speed = f"{run.record.events_per_second:,.0f}"
            number = run.record.name.number
            yield _row(task, number, *_aucs(run.metrics), reference, speed)
        if len(of_task) > 1:
            test_auc, validation_auc = (
                mean_auc([run.metrics.splits[name].auc for run in of_task])
                for name in ("test", "validation")
            )
            count = f"mean of {len(of_task)}"
            yield _row(task, count, f"**{test_auc}**", validation_auc, reference, "")


def _row_of_ensemble(ensemble: EnsembleFolder) -> str:
    name, count = ensemble.record.name, f"ensemble of {len(ensemble.runs)}"
    speed = f"{ensemble.events_per_second:,.0f}"
    return _row(name, count, *_aucs(ensemble.metrics), "", speed)


def _aucs(metrics: Metrics) -> tuple[str, str]:
    """Return the test AUC with its interval, and the validation AUC."""
    test, validation = (metrics.splits[name] for name in ("test", "validation"))
    return f"{test.auc:.4f} ({test.auc_low:.4f} to {test.auc_high:.4f})", f"{validation.auc:.4f}"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _cut(text: str, more: str, largest: int = LARGEST) -> str:
    """Return a text as it is, or its first lines and ``more`` if MLflow would not take all."""
    if len(text) <= largest:
        return text
    return f"{text[:largest].rpartition(chr(10))[0]}\n\n{more}\n"
