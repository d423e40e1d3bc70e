"""The files of the user's own: the site file, the profile, and the images."""

from calobatch.errors import UserError
from calobatch.slurm.checks.case import Case
from calobatch.slurm.checks.finding import Finding, failed, ok
from calobatch.slurm.checks.request import largest_request
from calobatch.slurm.images import NAMES, require_image
from calobatch.slurm.site import SITE_FILE, read_site


def site_file(case: Case) -> Finding:
    """Read the site file."""
    try:
        case.site = read_site()
    except UserError as error:
        return _failed(error)
    return ok(f"{SITE_FILE}")


def request(case: Case) -> Finding:
    """Work out what the largest training will ask for."""
    try:
        case.request = largest_request(case.scenario, case.site)
    except UserError as error:
        return _failed(error)
    return ok(str(case.request))


def images_there(case: Case) -> Finding:
    """Look for the images of this environment."""
    try:
        paths = [require_image(case.site.images, name, case.site.variant) for name in NAMES]
    except UserError as error:
        return _failed(error)
    return ok(", ".join(f"{path.name} ({path.stat().st_size / 1e6:.0f} MB)" for path in paths))


def _failed(error: UserError) -> Finding:
    """Part a message of this project, which ends with the mend after a semicolon."""
    result, _, mend = str(error).rpartition("; ")
    return failed(result, mend) if result else failed(mend, f"correct {SITE_FILE}")
