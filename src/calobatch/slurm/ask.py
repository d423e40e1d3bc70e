"""Ask another program, which may be missing or never answer."""

import subprocess
from collections.abc import Mapping, Sequence
from typing import NamedTuple

PATIENCE_SECONDS = 30.0


class Answer(NamedTuple):
    """What a program printed, and its exit code (124: no answer in time; 127: no program)."""

    code: int
    output: str
    errors: str = ""

    @property
    def complaint(self) -> str:
        """The last line of its messages, which is the one that tells what went wrong."""
        lines = [line for line in (self.errors or self.output).splitlines() if line.strip()]
        return lines[-1].strip() if lines else f"exit code {self.code}"


def ask(
    command: Sequence[str],
    patience: float = PATIENCE_SECONDS,
    environment: Mapping[str, str] | None = None,
) -> Answer:
    """Run a command without input and return its answer, whatever it is."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=patience,
            env=environment,
            check=False,
        )
    except FileNotFoundError:
        return Answer(127, "", f"there is no program {command[0]}")
    except PermissionError as error:
        return Answer(126, "", str(error))
    except subprocess.TimeoutExpired:
        return Answer(124, "", f"{command[0]} does not answer within {patience:.0f} s")
    return Answer(done.returncode, done.stdout, done.stderr)
