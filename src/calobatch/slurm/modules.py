"""Load the site file's modules at the start of a job: for Snakemake's rules and for the doctor."""

import shlex
from collections.abc import Sequence

# Exit codes that no program uses, from which the doctor knows what happened.
NO_MODULE_COMMAND, NOT_LOADED = 96, 99


def loading(modules: Sequence[str]) -> str:
    """Return the shell code that loads ``modules`` and then makes bash strict; "" without modules.

    It ends the job with a message if they cannot be loaded.
    """
    if not modules:
        return ""
    names = shlex.join(modules)
    no_command = (
        "calobatch: there is no command `module` in jobs; set BASH_ENV to the file that defines "
        "it, for example `export BASH_ENV=/etc/profile.d/modules.sh` in ~/.bashrc"
    )
    not_loaded = (
        f"calobatch: `module load {names}` failed; correct modules in cluster/slurm/site.yaml"
    )
    # `module` is often a function that reads unset variables and has commands that fail, so bash
    # must not be strict before it has run.
    return (
        f"type module >/dev/null 2>&1 || {_ending(no_command, NO_MODULE_COMMAND)}; "
        f"module load {names} || {_ending(not_loaded, NOT_LOADED)}; "
        "set -euo pipefail; "
    )


def _ending(message: str, code: int) -> str:
    return f"{{ echo {shlex.quote(message)} >&2; exit {code}; }}"
