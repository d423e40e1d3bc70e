"""Whether SLURM answers, keeps accounts, and has the user's among them."""

import getpass

from calobatch.slurm.checks.ask import ask
from calobatch.slurm.checks.case import Case
from calobatch.slurm.checks.finding import Finding, failed, ok, warning
from calobatch.slurm.site import SITE_FILE


def slurm_answers(case: Case) -> Finding:
    """Ask the controller."""
    ping = ask(["scontrol", "ping"])
    if ping.code or " UP" not in ping.output:
        return failed(
            f"the controller does not answer: {ping.complaint}",
            "run this on a login node of the cluster, with SLURM's programs on PATH; if it is "
            "one, ask the site",
        )
    return ok(f"{ask(['sinfo', '--version']).output.strip()}: {ping.output.splitlines()[0]}")


def accounting(case: Case) -> Finding:
    """Ask for the user's jobs, as the workflow does to learn how they fare."""
    jobs = ask(["sacct", "--noheader", "--parsable2", "--allocations", "--format=JobID"])
    if jobs.code:
        return failed(
            f"sacct does not answer: {jobs.complaint}",
            "ask the site: without accounting the workflow cannot tell how its jobs fared",
        )
    return ok(f"sacct answers ({len(jobs.output.split())} jobs of yours today)")


def account(case: Case) -> Finding:
    """Look for the site file's account among the user's."""
    user, wanted = getpass.getuser(), case.site.account
    associations = ask(
        [
            *("sacctmgr", "--noheader", "--parsable2", "show", "associations"),
            *(f"user={user}", "format=account"),
        ]
    )
    accounts = sorted(set(associations.output.split()))
    there = ", ".join(accounts) or "none"
    if associations.code:
        return warning(f"sacctmgr does not answer: {associations.complaint}", "ask the site")
    if wanted and wanted not in accounts:
        return failed(
            f"{user} has no account {wanted!r}; there are: {there}",
            f"correct account in {SITE_FILE}, or ask the site to add you",
        )
    return ok(f"{wanted or 'left to SLURM'} (accounts of {user}: {there})")
