"""Run every stage of the workflow on a disk that fills while the stage writes.

`python -m tests.faults.full_disk` (as root, who can mount a small file system) tries each stage
with several amounts of free space. Each time, the stage must end with one message about space, and
without the file that marks its result as complete. Other files that it leaves must be complete.
With more space, the same command must then succeed.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from tests.checkout import environment_with_this_code

PHOTONS = "SinglePhotonPt50_IMGCROPS_n40_RHv1.hdf5"
ELECTRONS = "SingleElectronPt50_IMGCROPS_n40_RHv1.hdf5"
JETS = "QCDToGGQQ_IMGjet_RH1all_jet0_run0_n8.train.snappy.parquet"
TABLE = f"""dataset,file,url,mirror,bytes,sha256,label
electron_photon,{PHOTONS},https://127.0.0.1:9/x,,,,0
"""
DATASETS = {
    "electron_photon": {"source": "simulate", "events": 80},
    "quark_gluon": {"source": "simulate", "events": 10},
}
TASK = {
    "model": "two_branch_cnn",
    "epochs": 2,
    "batch_size": 16,
    "learning_rate": 1e-3,
    "ranks": 1,
    "communicator": "single",
    "device": "cpu",
}
SCENARIO = {
    "name": "full",
    "title": "A full disk",
    "datasets": {"electron_photon": DATASETS["electron_photon"]},
    "tasks": {"crops": TASK | {"title": "Crops", "dataset": "electron_photon"}},
}
PACKING = {"layout": "electron_photon", "split": {}, "zero_below": 0}


class Stage(NamedTuple):
    """A stage: its command, the file that it writes last, and settings that it takes as JSON."""

    name: str
    command: tuple[str, ...]
    last: str
    settings: dict[str, object] | None = None

    @property
    def words(self) -> list[str]:
        """The words after `calobatch`."""
        given = ["--settings", json.dumps(self.settings)] if self.settings else []
        return [*self.command, *given]


RUNS = "results/crops/seed1"
# In the order of the workflow: each uses what the ones before it have written.
STAGES = (
    Stage("simulate crops", ("simulate", "electron_photon", "--output", f"raw/{PHOTONS}"),
          f"raw/{PHOTONS}", DATASETS["electron_photon"]),
    Stage("simulate more crops", ("simulate", "electron_photon", "--output", f"raw/{ELECTRONS}"),
          f"raw/{ELECTRONS}", DATASETS["electron_photon"]),
    Stage("simulate jets", ("simulate", "quark_gluon", "--output", f"raw/{JETS}"),
          f"raw/{JETS}", DATASETS["quark_gluon"]),
    Stage("fetch", ("fetch", "electron_photon", PHOTONS, "--output", f"public/{PHOTONS}",
                    "--location", "raw", "--table", "table.csv", "--pins", "pins"),
          f"public/{PHOTONS}"),
    Stage("pack", ("pack", "electron_photon", f"raw/{ELECTRONS}", f"raw/{PHOTONS}",
                   "--output", "store"), "store/manifest.json", PACKING),
    Stage("train", ("train", "crops", "--run", "seed1", "--store", "store",
                    "--output", RUNS), f"{RUNS}/run.json", TASK),
    Stage("evaluate", ("evaluate", RUNS), f"{RUNS}/metrics.json"),
    Stage("export", ("export", RUNS, "--store", "store"), f"{RUNS}/export/export.json"),
    Stage("interpret", ("interpret", RUNS, "--store", "store"),
          f"{RUNS}/interpretation/interpretation.json"),
    Stage("collect", ("collect", RUNS, "--leaderboard", "leaderboard.csv"), "leaderboard.csv",
          SCENARIO),
    Stage("report", ("report", RUNS, "--stores", "store", "--leaderboard", "leaderboard.csv",
                     "--output", "report.html"), "report.html", SCENARIO),
)  # fmt: skip


@dataclass
class Disk:
    """A small file system of its own, or a folder."""

    folder: Path

    def run(self, stage: Stage) -> subprocess.CompletedProcess[str]:
        """Run a stage in this folder."""
        given = environment_with_this_code()
        given.pop("MLFLOW_TRACKING_URI", None)
        return subprocess.run(
            [sys.executable, "-m", "calobatch.cli", *stage.words],
            cwd=self.folder,
            env=given,
            capture_output=True,
            text=True,
        )

    def fill(self, free: int) -> None:
        """Leave only ``free`` bytes of space, rounded to whole pages."""
        status = os.statvfs(self.folder)
        left = status.f_bavail * status.f_frsize
        with (self.folder / "filler").open("wb") as file:
            file.write(bytes(max(left - free, 0)))

    def empty(self) -> None:
        """Free the space again."""
        (self.folder / "filler").unlink()

    def files(self) -> dict[str, int]:
        """Return the size of each file, without locks and without MLflow's store.

        The store takes each run as a whole, and the next collect deletes what is incomplete.
        """
        found = {
            str(path.relative_to(self.folder)): path.stat().st_size
            for path in sorted(self.folder.rglob("*"))
            if path.is_file() and path.suffix != ".lock" and path.name != ".lock"
        }
        return {name: size for name, size in found.items() if not name.startswith("mlruns")
                and not name.startswith("mlflow.db")}  # fmt: skip


class Trial(NamedTuple):
    """What a stage said on a full disk; ``faults`` is empty if all was right.

    ``left`` has the sizes of the files that it left, which must be complete.
    """

    message: str
    faults: list[str]
    left: dict[str, int]

    def incomplete(self, complete: dict[str, int]) -> list[str]:
        """Return the files that have another size than the ``complete`` ones of a success."""
        return [name for name, size in self.left.items() if complete.get(name) != size]


def try_full(disk: Disk, stage: Stage, free: int) -> Trial:
    """Run a stage with ``free`` bytes of space, and free the rest of the disk again."""
    before = disk.files()
    disk.fill(free)
    answer = disk.run(stage)
    disk.empty()
    after = disk.files()
    if answer.returncode == 0:
        return Trial("there was space enough", [], {})
    message = answer.stderr.strip().splitlines()[-1] if answer.stderr.strip() else ""
    checks = {
        f"exit code {answer.returncode}": answer.returncode not in (1, 2),
        "a traceback": "Traceback" in answer.stderr,
        "no word about space": not any(word in message for word in ("space", "room", "full")),
        f"{stage.last} looks finished": stage.last in after.keys() - before.keys(),
        f"lost files {sorted(before.keys() - after.keys())}": not after.keys() >= before.keys(),
    }
    left = {name: size for name, size in after.items() if name not in before}
    return Trial(message, [fault for fault, found in checks.items() if found], left)


@contextmanager
def small_disk(folder: Path, megabytes: int = 64) -> Iterator[Disk]:
    """Mount a file system in memory at ``folder``. Raises a CalledProcessError if that fails."""
    options = f"size={megabytes}m"
    command = ["mount", "-t", "tmpfs", "-o", options, "calobatch", str(folder)]
    subprocess.run(command, check=True, capture_output=True)
    try:
        (folder / "table.csv").write_text(TABLE, encoding="utf-8")
        yield Disk(folder)
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def main() -> None:
    """Try every stage with several amounts of space, and print a line for each trial."""
    failed = False
    with tempfile.TemporaryDirectory() as name, small_disk(Path(name)) as disk:
        for stage in STAGES:
            trials = []
            for free in (0, 8_192, 20_480, 40_960, 102_400, 204_800):
                trial = try_full(disk, stage, free)
                trials.append(trial)
                failed |= bool(trial.faults)
                print(
                    f"{stage.name:20} {free:7}  {trial.message}  {trial.faults or ''}", flush=True
                )
            answer = disk.run(stage)
            incomplete = {name for trial in trials for name in trial.incomplete(disk.files())}
            failed |= answer.returncode != 0 or bool(incomplete)
            told = f"  incomplete before: {sorted(incomplete)}" if incomplete else ""
            print(f"{stage.name:20}  again  exit code {answer.returncode}{told}", flush=True)
    sys.exit(failed)


if __name__ == "__main__":
    main()
