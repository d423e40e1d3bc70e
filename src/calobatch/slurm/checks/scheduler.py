"""Checks of SLURM itself: whether it answers, keeps accounts, and knows the user's account."""

import getpass

from calobatch.slurm.ask import ask
from calobatch.slurm.checks.case import Case
from calobatch.slurm.checks.finding import Finding, failed, ok, warning
from calobatch.slurm.site import SITE_FILE


def slurm_answers(case: Case) -> Finding:
    """Check that SLURM's controller answers."""
    ping = ask(["scontrol", "ping"])
    if ping.code or " UP" not in ping.output:
        return failed(
            f"SLURM's controller does not answer: {ping.complaint}",
            "run this on a login node of the cluster, with SLURM's programs on PATH; if you are on "
            "one, ask the cluster's support",
        )
    return ok(f"{ask(['sinfo', '--version']).output.strip()}: {ping.output.splitlines()[0]}")


def accounting(case: Case) -> Finding:
    """Check that sacct answers, which Snakemake asks for the state of its jobs."""
    jobs = ask(["sacct", "--noheader", "--parsable2", "--allocations", "--format=JobID"])
    if jobs.code:
        return failed(
            f"sacct does not answer: {jobs.complaint}",
            "ask the cluster's support for SLURM's accounting; without it the workflow cannot see "
            "whether its jobs succeed",
        )
    return ok(f"sacct answers (it lists {len(jobs.output.split())} of your jobs today)")


def account(case: Case) -> Finding:
    """Check that the account in the site file is one of the user's accounts."""
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
        return warning(
            f"sacctmgr does not answer: {associations.complaint}",
            "ask the cluster's support which account you may use",
        )
    if wanted and wanted not in accounts:
        return failed(
            f"{user} has no account {wanted!r}; accounts of {user}: {there}",
            f"correct account in {SITE_FILE}, or ask the cluster's support to add you to it",
        )
    return ok(f"{wanted or 'chosen by SLURM'} (accounts of {user}: {there})")
