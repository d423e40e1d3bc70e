"""ro-crate-metadata.json: what the published folder has, in the words of RO-Crate 1.1.

Source: https://www.researchobject.org/ro-crate/specification/1.1/
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from rocrate.model.contextentity import ContextEntity
from rocrate.model.dataset import Dataset
from rocrate.model.person import Person
from rocrate.model.softwareapplication import SoftwareApplication
from rocrate.rocrate import ROCrate

from calobatch.config.scenario import Scenario
from calobatch.provenance import version_of
from calobatch.publish.citation import Author
from calobatch.run.folder import RunFolder

VERSION = "1.1"
# The kinds of files by their suffix (IANA media types, where there is one), and of all others.
MEDIA_TYPES = {
    ".cff": "application/yaml",
    ".csv": "text/csv",
    ".html": "text/html",
    ".json": "application/json",
    ".jsonl": "application/jsonl",
    ".md": "text/markdown",
    "": "text/plain",
    ".parquet": "application/vnd.apache.parquet",
    ".png": "image/png",
    ".txt": "text/plain",
    ".py": "text/x-python",
    ".yaml": "application/yaml",
}
OTHER = "application/octet-stream"


def write_crate(
    folder: Path,
    scenario: Scenario,
    runs: Sequence[RunFolder],
    files: Sequence[str],
    *,
    authors: Sequence[Author],
    licence: str,
    today: date,
) -> None:
    """Write the metadata of ``folder``, which has ``files`` (their names are relative to it)."""
    crate = ROCrate(version=VERSION)
    crate.name = scenario.title
    crate.description = (
        f"Trainings of scenario {scenario.name} with calobatch: predictions, metrics, models, and "
        "what is needed to make them again"
    )
    crate.datePublished = today.isoformat()
    crate.license = _licence(crate, licence)
    crate.root_dataset["author"] = [_person(crate, author) for author in authors]
    in_runs: dict[str, list[str]] = {place_of(run): [] for run in runs}
    for name in files:
        place = next((place for place in in_runs if name.startswith(place)), "")
        _add_file(crate, folder, name)
        if place:
            in_runs[place].append(name)
    software = crate.add(
        SoftwareApplication(
            crate, "#calobatch", {"name": "calobatch", "version": version_of("calobatch")}
        )
    )
    for run in runs:
        _add_run(crate, run, in_runs[place_of(run)], software)
    crate.metadata.write(folder)


def place_of(run: RunFolder) -> str:
    """Return the folder of a run in the published one, with a slash at its end."""
    return f"runs/{run.record.name.folder}/"


def _licence(crate: ROCrate, licence: str) -> ContextEntity:
    address = f"https://spdx.org/licenses/{licence}"
    facts = {"@type": "CreativeWork", "name": licence, "description": f"Licence {licence}"}
    return crate.add(ContextEntity(crate, address, properties=facts))


def _person(crate: ROCrate, author: Author) -> Person:
    address = author.orcid_address or f"#{author.name.replace(' ', '_')}"
    facts: dict[str, Any] = {"name": author.name}
    if author.affiliation:
        place = f"#{author.affiliation.replace(' ', '_')}"
        kind = {"@type": "Organization", "name": author.affiliation}
        crate.add(ContextEntity(crate, place, properties=kind))
        facts["affiliation"] = {"@id": place}
    return crate.add(Person(crate, address, facts))


def _add_file(crate: ROCrate, folder: Path, name: str) -> None:
    path = folder / name
    facts = {
        "name": path.name,
        "contentSize": str(path.stat().st_size),
        "encodingFormat": MEDIA_TYPES.get(path.suffix, OTHER),
    }
    crate.add_file(path, name, properties=facts)


def _add_run(
    crate: ROCrate, run: RunFolder, files: Sequence[str], software: SoftwareApplication
) -> None:
    """Add the folder of a training, its test AUC, and how it was made."""
    record, test = run.record, run.metrics.splits["test"]
    place = place_of(run)
    result: Dataset = crate.add_dataset(
        dest_path=place,
        properties={
            "name": str(record.name),
            "description": f"A training of model {record.training.model} on dataset "
            f"{record.dataset}; test AUC {test.auc:.4f} ({test.auc_low:.4f} to "
            f"{test.auc_high:.4f})",
        },
    )
    result["hasPart"] = [crate.dereference(name) for name in files]
    crate.add_action(
        software,
        f"#training-{record.name.folder.replace('/', '-')}",
        result=result,
        properties={
            "name": f"Training {record.name}",
            "startTime": _moment(record.started),
            "endTime": _moment(record.finished),
            "description": f"{record.ranks} ranks on {record.device}, code at commit "
            f"{record.provenance.git_commit or 'unknown'}",
        },
    )


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
