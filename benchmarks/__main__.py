"""Measure all subjects, or those that are named: `make bench`, `make bench ONLY="pack batches"`.

Worker processes import this file again. To keep that fast, each subject is imported only when it is
measured.
"""

import argparse
import importlib
import json
import sys
import time
import traceback
from pathlib import Path
from typing import Any

from benchmarks.comparison import Row, Skipped, say
from benchmarks.paths import CACHE
from benchmarks.table import table
from benchmarks.workload import SMALL, Workload
from calobatch.checkout import CHECKOUT

SUBJECTS = (
    "start", "simulate", "pack", "pack_formats", "memory", "store_size", "store_check", "batches",
    "epoch", "training", "options", "wait", "quickstart",
)  # fmt: skip
FOLDER = Path(__file__).resolve().parent

Results = dict[str, list[Row | Skipped]]


def main() -> int:
    """Measure, print the table, and write results.json and ratios.png; return the exit code."""
    from benchmarks.machine import description

    options = _options()
    machine, begun = description(), time.monotonic()
    subjects = options.subjects or SUBJECTS
    results = {name: _measured(name, SMALL if options.small else Workload()) for name in subjects}
    machine["minutes"] = round((time.monotonic() - begun) / 60, 1)
    print(table(_lines(results)))
    # The pages may only show a full run of all subjects; other results go to the cache.
    folder = CACHE if options.small or options.subjects else FOLDER
    print(f"\nmeasured in {machine['minutes']} minutes: {_write(folder, machine, results)}")
    return int(any(isinstance(line, Skipped) and line.failed for line in _lines(results)))


def _options() -> argparse.Namespace:
    description = "Measure calobatch side by side with peers and physical limits."
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=description)
    known = ", ".join(SUBJECTS)
    parser.add_argument(
        "subjects", nargs="*", metavar="SUBJECT", help=f"one or more of {known}; by default all"
    )
    parser.add_argument(
        "--small",
        action="store_true",
        help="try the suite on little data; the numbers mean nothing",
    )
    options = parser.parse_args()
    if unknown := set(options.subjects) - set(SUBJECTS):
        parser.error(f"unknown subject {', '.join(sorted(unknown))}; choose from {known}")
    return options


def _measured(subject: str, workload: Workload) -> list[Row | Skipped]:
    """Return the lines of a subject; a failure becomes a line, so that other subjects still run."""
    from benchmarks.inputs import Inputs

    print(f"{subject}, at {time.strftime('%H:%M:%S')}", file=sys.stderr, flush=True)
    lines: list[Row | Skipped] = []
    try:
        rows = importlib.import_module(f"benchmarks.{subject}").rows
        for line in rows(workload, Inputs(CACHE / "files")):
            lines.append(line)
            say(table([line]).splitlines()[-1])
    except Exception as error:
        traceback.print_exc()
        lines.append(Skipped(f"the rest of {subject}", f"failed: {error!r}", failed=True))
    return lines


def _lines(results: Results) -> list[Row | Skipped]:
    return [line for lines in results.values() for line in lines]


def _write(folder: Path, machine: dict[str, Any], results: Results) -> str:
    from benchmarks.chart import draw
    from benchmarks.readme import update

    content = {
        "machine": machine,
        "rows": [line.as_json() | {"subject": name} for name in results for line in results[name]],
    }
    text, picture = folder / "results.json", folder / "ratios.png"
    text.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    if folder == FOLDER:
        update(CHECKOUT, json.loads(text.read_text(encoding="utf-8")))
    rows = [line for line in _lines(results) if isinstance(line, Row)]
    draw(rows, picture, f"{machine['processor']}, {machine['cores']} cores, {machine['date'][:10]}")
    return f"{text}, {picture}"


if __name__ == "__main__":
    sys.exit(main())
