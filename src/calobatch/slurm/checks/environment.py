"""Checks of the user's own files: the site file, the profile and the images."""

import os

from calobatch.errors import UserError
from calobatch.slurm.checks.case import Case
from calobatch.slurm.checks.finding import Finding, failed, ok, warning
from calobatch.slurm.checks.request import largest_request
from calobatch.slurm.images import NAMES, require_image
from calobatch.slurm.profile import latency_wait
from calobatch.slurm.site import SITE_FILE, read_site
from calobatch.slurm.trial import NOT_A_WISH


def site_file(case: Case) -> Finding:
    """Check that the site file can be read."""
    try:
        case.site = read_site()
    except UserError as error:
        return _failed(error)
    return ok(f"{SITE_FILE}")


def largest_training(case: Case) -> Finding:
    """Work out what the largest training of the scenario will request."""
    try:
        case.request = largest_request(case.scenario, case.site)
        case.latency_wait = latency_wait()
    except UserError as error:
        return _failed(error)
    return ok(str(case.request))


def images_there(case: Case) -> Finding:
    """Check that the images of this checkout exist."""
    try:
        paths = [require_image(case.site.images, name, case.site.variant) for name in NAMES]
    except UserError as error:
        return _failed(error)
    return ok(", ".join(f"{path.name} ({path.stat().st_size / 1e6:.0f} MB)" for path in paths))


def variables(case: Case) -> Finding:
    """List the user's variables that change what jobs request, which other users do not have."""
    given = (name for name in os.environ if name.startswith("SBATCH_"))
    found = sorted(name for name in given if name != NOT_A_WISH)
    if found:
        return warning(
            f"variables of your environment change what jobs request: {', '.join(found)}",
            f"set the keys for this in {SITE_FILE}, and unset the variables",
        )
    return ok("your environment does not change what jobs request")


def _failed(error: UserError) -> Finding:
    """Split an error message at its last semicolon, after which calobatch's messages say the fix.

    A message without a semicolon is about a key of the site file.
    """
    result, _, fix = str(error).rpartition("; ")
    return failed(result, fix) if result else failed(fix, f"correct {SITE_FILE}")
