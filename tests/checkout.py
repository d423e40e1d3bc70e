"""A checkout of its own for the workflow to run in."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from calobatch.checkout import CHECKOUT

TIMEOUT_SECONDS = 1800


class Workflow:
    """A copy of the checkout, as a fresh clone would have it, and `snakemake` in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in files_of_the_checkout():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(CHECKOUT / name, target, follow_symlinks=False)

    def snakemake(
        self,
        *arguments: str,
        check: bool = True,
        timeout: float = TIMEOUT_SECONDS,
        tracked: bool = False,
    ) -> subprocess.CompletedProcess[str]:
        """Run snakemake with what the environment of these tests has installed.

        ``tracked`` keeps MLflow's store that the environment names.
        """
        # MLflow's client, which tests use, leaves its store in the environment.
        left_out = () if tracked else ("MLFLOW_TRACKING_URI",)
        given = {name: value for name, value in os.environ.items() if name not in left_out}
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        # `bin/snakemake` names the Python of the folder that its environment was made in, and
        # environments in .cache are used from other checkouts too.
        answer = subprocess.run(
            [sys.executable, "-m", "snakemake", *arguments],
            cwd=self.folder,
            env={**given, "PATH": path},
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        if check and answer.returncode:
            raise AssertionError(f"snakemake {arguments}:\n{answer.stdout}\n{answer.stderr}")
        return answer


def environment_with_this_code() -> dict[str, str]:
    """Return this process's environment, with the code of this checkout first on Python's path.

    What PYTHONPATH has already stays on it: `tests.without_torch` puts its stand-ins there.
    """
    paths = [str(CHECKOUT / "src"), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


def files_of_the_checkout() -> list[str]:
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=True)
    names = [name for name in listed.stdout.split("\0") if name]
    return [name for name in names if (CHECKOUT / name).exists()]
