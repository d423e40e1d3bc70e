"""Suggestions as the lines to write into the profile and into the site file."""

import textwrap
from collections.abc import Mapping, Sequence

import yaml

from calobatch.slurm.profile import PROFILE
from calobatch.slurm.site import SITE_FILE
from calobatch.slurm.usage.suggest import MARGIN, TRAININGS, Suggestion


def as_edits(suggestions: Sequence[Suggestion]) -> str:
    """Return, for each file, the lines that request what the suggestions say.

    The lines are edits and not options of a command, because `--set-resources` on a command line
    would replace all of the profile's. Later attempts request more, as before.
    """
    threads = {
        found.rule: found.cores
        for found in suggestions
        if found.cores and found.rule not in TRAININGS
    }
    # All of these rules have the same number, so it must be enough for each.
    of_trainings = [found.cores or 0 for found in suggestions if found.rule in TRAININGS]
    per_rank = max(of_trainings) if of_trainings and all(of_trainings) else None
    resources = {found.rule: _resources(found) for found in suggestions}
    profile = {
        "set-threads": threads,
        "set-resources": {rule: asked for rule, asked in resources.items() if asked},
    }
    files: dict[str, Mapping[str, object]] = {
        str(PROFILE): {section: rules for section, rules in profile.items() if rules},
        str(SITE_FILE): {"cpus_per_rank": per_rank} if per_rank else {},
    }
    edits = [
        f"{name}:\n{textwrap.indent(yaml.safe_dump(lines, sort_keys=False), '    ')}"
        for name, lines in files.items()
        if lines
    ]
    if not edits:
        return "No smaller request would have been enough, as far as the jobs were measured."
    return "\n".join(
        [
            f"Smaller requests that would have been enough ({MARGIN:g} x the largest use, rounded "
            "up); write them into",
            *edits,
        ]
    ).rstrip()


def _resources(found: Suggestion) -> dict[str, str]:
    asked: dict[str, str] = {}
    if found.minutes is not None:
        asked["runtime"] = f"{found.minutes} * attempt"
    if found.mb_per_core is not None:
        more = f"{found.mb_per_core} * attempt"
        most = found.most_mb_per_core
        asked["mem_mb_per_cpu"] = more if most is None else f"min({more}, {most})"
    return asked
