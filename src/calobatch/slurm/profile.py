"""What Snakemake's SLURM profile says, for the doctor to compare with the cluster."""

from pathlib import Path
from typing import Any

from calobatch.config.plain_yaml import read_yaml
from calobatch.errors import UserError

PROFILE = Path("cluster/slurm/config.yaml")
# Snakemake's own default for --latency-wait.
LATENCY_WAIT_SECONDS = 5.0


def minutes_of(rule: str, profile: Path = PROFILE) -> tuple[int, ...]:
    """Return the minutes that each attempt of a rule's job requests.

    Raises a UserError if the profile cannot be read or does not give them.
    """
    content = read_yaml(profile)
    try:
        asked = content["default-resources"] | content.get("set-resources", {}).get(rule, {})
        attempts = range(1, content.get("retries", 0) + 2)
        return tuple(_value(asked["runtime"], attempt) for attempt in attempts)
    except (
        ArithmeticError,
        LookupError,
        TypeError,
        NameError,
        SyntaxError,
        ValueError,
        AttributeError,
    ) as error:
        raise UserError(
            f"{profile} has no valid runtime for {rule} ({error!r}); "
            "write it in minutes, for example 60 * attempt"
        ) from None


def latency_wait(profile: Path = PROFILE) -> float:
    """Return the seconds for which Snakemake waits until a file of another node is visible.

    Raises a UserError if the profile cannot be read or the value is not a number.
    """
    content = read_yaml(profile)
    try:
        return float(content.get("latency-wait", LATENCY_WAIT_SECONDS))
    except (TypeError, ValueError) as error:
        raise UserError(
            f"{profile} has no valid latency-wait ({error}); write it in seconds, for example 60"
        ) from None


def _value(expression: Any, attempt: int) -> int:
    """Evaluate an expression such as "60 * attempt", as Snakemake does."""
    known = {"__builtins__": {}, "attempt": attempt, "min": min, "max": max}
    return int(eval(str(expression), known))  # noqa: S307
