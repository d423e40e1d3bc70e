"""Files by which jobs tell the head process that they have ended.

Snakemake's SLURM plugin asks for the state of jobs at intervals that grow from 20 s to 3 minutes,
because SLURM's administrators ask for that. A job of 10 s would be noticed after 20 to 60 s. With a
file from the job itself, the head process asks once more, soon after its end.
"""

import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

FOLDER = Path(".snakemake/calobatch_ended")
# A job whose file is there may run again, because it was requeued, and SLURM may list it as ended
# only later. After this many questions, the usual intervals are enough.
MOST_QUESTIONS = 3


def telling_the_end() -> str:
    """Return the part of a job's shell script that makes the file when the job ends.

    A job that runs again begins without the file. The job does not fail if one of these commands
    fails or if a variable is unset.
    """
    return (
        f'ended="{FOLDER}/${{SLURM_JOB_ID:-none}}"; '
        f'mkdir -p {FOLDER} && rm -f "$ended" || true; '
        "trap 'touch \"$ended\" || true' EXIT; "
    )


class Ended:
    """The jobs of a head process that have told their end."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._folder = folder
        self._questions: Counter[tuple[str, int]] = Counter()

    def any_of(self, jobs: Iterable[str]) -> bool:
        """Return whether it is worth asking now about one of these jobs, and count the question."""
        wanted = set(jobs)
        told = [key for key in self._told() if key[0] in wanted]
        new = [key for key in told if self._questions[key] < MOST_QUESTIONS]
        self._questions.update(new)
        return bool(new)

    def forget(self) -> None:
        """Delete the files of the jobs that were asked about."""
        for job, _ in self._questions:
            (self._folder / job).unlink(missing_ok=True)

    def _told(self) -> list[tuple[str, int]]:
        """Return each job with a file, and the time of the file."""
        try:
            with os.scandir(self._folder) as files:
                return [(file.name, file.stat().st_mtime_ns) for file in files]
        except OSError:  # no job has ended yet, or a file was deleted meanwhile
            return []
