"""Write a folder with the results of a scenario, to be published, for example on Zenodo.

It has what others need to check the results, to use the models, and to make both again: the
predictions, metrics, weights and exported models of all trainings, the leaderboard, the report, the
configuration, the pinned environment, checksums, and metadata.
"""

import shutil
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from calobatch.checksum import sha256_of
from calobatch.config.load import CONFIG
from calobatch.config.model_code import model_files
from calobatch.config.scenario import Scenario
from calobatch.errors import UserError
from calobatch.progress import Progress
from calobatch.publish.citation import Author, citation
from calobatch.publish.crate import place_of, write_crate
from calobatch.publish.readme import readme
from calobatch.run.ensemble import EnsembleFolder, all_ensembles
from calobatch.run.exported import exported_files
from calobatch.run.files import (
    ENSEMBLE_FILE,
    EXPORT_FILE,
    EXPORT_FOLDER,
    INTERPRETATION_FOLDER,
    METRICS_FILE,
    PREDICTIONS_FILE,
    RECORD_FILE,
    TRAINING_FILES,
    plots_in,
)
from calobatch.run.folder import RunFolder, read_run
from calobatch.run.interpretation import interpretation_files
from calobatch.run.leaderboard import Line, read_leaderboard
from calobatch.run.leaderboard_of_runs import check_leaderboard
from calobatch.run.name import RunName, out_of_fold_files, runs_of
from calobatch.run.trials import files_of_searches, finished_searches

ENVIRONMENT = Path("environment")
CHECKSUMS, REPORT = "SHA256SUMS", "report.html"


def publish(
    scenario: Scenario,
    results: Path,
    leaderboard: Path,
    output: Path,
    *,
    authors: Sequence[Author],
    licence: str,
    today: date,
    overrides: str = "",
) -> None:
    """Write the new folder ``output``, either all of it or nothing, and say what it lacks.

    ``results`` is the folder of the scenario's results. ``licence`` is its identifier in the list
    of SPDX, and ``overrides`` are the changes on the command line that the scenario has. Raises
    UserError if the folder exists, if a training has not finished or one of its files was changed,
    or if the leaderboard has other numbers or other trainings.
    """
    if output.exists():
        raise UserError(f"{output} exists already; name a new folder")
    runs = [read_run(results / run.folder) for run in runs_of(scenario)]
    lines = read_leaderboard(leaderboard)
    ensembles = all_ensembles(scenario, runs, results)
    check_leaderboard(lines, scenario, runs, leaderboard, ensembles)
    _check_all_are_published(lines, runs, ensembles, leaderboard)
    if unfinished := scenario.searched.keys() - finished_searches(scenario, results).keys():
        raise UserError(
            f"{results} has no search of {min(unfinished)} with the present settings that has "
            "ended; run the scenario again"
        )
    sources = _results(scenario, runs, results, leaderboard) | _origins(scenario, runs)
    for ensemble in ensembles:
        sources |= _files_of_ensemble(ensemble)
    texts = {
        "README.md": readme(scenario, runs, leaderboard, overrides),
        "CITATION.cff": citation(scenario, authors, licence, today),
        "scenario.json": scenario.model_dump_json(indent=2) + "\n",
    }
    # A name that says that it is incomplete, until it is complete.
    partial = output.with_name(f"{output.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    for name, text in texts.items():
        _place(partial, name).write_text(text, encoding="utf-8")
    with Progress(f"publish {scenario.name}", len(sources), "files") as progress:
        for name, source in sources.items():
            shutil.copyfile(source, _place(partial, name))
            progress.advance(1)
    sums = {name: sha256_of(partial / name) for name in sorted([*texts, *sources])}
    listed = "".join(f"{checksum}  {name}\n" for name, checksum in sums.items())
    (partial / CHECKSUMS).write_text(listed, encoding="utf-8")
    write_crate(
        partial, scenario, runs, [*sums, CHECKSUMS], authors=authors, licence=licence, today=today
    )
    partial.rename(output)
    size = sum(file.stat().st_size for file in output.rglob("*") if file.is_file())
    print(f"publish: wrote {len(sums) + 2} files, {size / 1e6:.1f} MB, to {output}")


def _check_all_are_published(
    lines: Sequence[Line],
    runs: Sequence[RunFolder],
    ensembles: Sequence[EnsembleFolder],
    leaderboard: Path,
) -> None:
    """Raise a UserError if the leaderboard has a training or an ensemble that is not published."""
    published = {str(run.record.name) for run in runs}
    published |= {ensemble.record.name for ensemble in ensembles}
    listed = {
        line.task if line.seed == "all" else str(RunName(line.task, line.seed, line.fold))
        for line in lines
        if line.fold != "all"
    }
    if missing := sorted(listed - published):
        raise UserError(
            f"{leaderboard} has {', '.join(missing)}, which the scenario does not have; name the "
            "changes with which it ran, as in --set 'seeds=[1,2]', or run it again"
        )


def _place(folder: Path, name: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _results(
    scenario: Scenario,
    runs: Sequence[RunFolder],
    results: Path,
    leaderboard: Path,
) -> dict[str, Path]:
    """Return the files of all results, by their names in the published folder."""
    found = {leaderboard.name: leaderboard, REPORT: results / REPORT}
    found |= {f"runs/{name}": results / name for name in out_of_fold_files(scenario)}
    found |= {
        f"runs/{path.relative_to(results)}": path for path in files_of_searches(scenario, results)
    }
    for run in runs:
        place = place_of(run)
        found |= {
            f"{place}{name}": run.file(name) for name in TRAINING_FILES if name != RECORD_FILE
        }
        found |= {f"{place}{name}": run.folder / name for name in (RECORD_FILE, METRICS_FILE)}
        found |= {f"{place}plots/{plot.name}": plot for plot in plots_in(run.folder)}
        exported = exported_files(run.folder) | {
            EXPORT_FILE: run.folder / EXPORT_FOLDER / EXPORT_FILE
        }
        found |= {f"{place}{EXPORT_FOLDER}/{name}": path for name, path in exported.items()}
        found |= {
            f"{place}{INTERPRETATION_FOLDER}/{name}": path
            for name, path in interpretation_files(run).items()
        }
    return found


def _files_of_ensemble(ensemble: EnsembleFolder) -> dict[str, Path]:
    names = (ENSEMBLE_FILE, METRICS_FILE, PREDICTIONS_FILE)
    files = [*(ensemble.folder / name for name in names), *plots_in(ensemble.folder)]
    place = ensemble.folder.parent
    return {f"runs/{file.relative_to(place)}": file for file in files}


def _origins(scenario: Scenario, runs: Sequence[RunFolder]) -> dict[str, Path]:
    """Return the files of the configuration, of the environment, and of the models' code."""
    layouts = {run.record.layout.name for run in runs}
    files = [
        CONFIG / f"{scenario.name}.yaml",
        CONFIG / "tasks.yaml",
        CONFIG / "datasets.csv",
        *(CONFIG / "layouts" / f"{name}.yaml" for name in sorted(layouts)),
        *sorted((CONFIG / "pins").rglob("*.json")),
        *sorted(ENVIRONMENT.glob("constraints*.txt")),
    ]
    models = {run.record.training.model for run in runs}
    code = {f"models/{file.name}": file for model in models for file in model_files(model)}
    return {str(path): path for path in files if path.exists()} | code
