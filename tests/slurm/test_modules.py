"""Modules are loaded in bash, as a job does, with `module` functions of different kinds."""

import subprocess

import pytest

from calobatch.slurm.ask import Answer
from calobatch.slurm.modules import NO_MODULE_COMMAND, NOT_LOADED, loading
from calobatch.slurm.trial import explained

# Functions as clusters have them: one reads an unset variable, one has commands that fail.
CARELESS = 'module() { [ -n "$NO_SUCH_VARIABLE" ]; false; export LOADED="$*"; }'
BROKEN = "module() { echo 'Lmod: unknown module' >&2; return 1; }"


def bash(code):
    return subprocess.run(["bash", "-c", code], capture_output=True, text=True)


def test_without_modules_snakemake_s_own_prefix_stays():
    assert loading(()) == ""


def test_a_careless_module_function_works_and_bash_is_strict_afterwards():
    code = f"{CARELESS}; {loading(('apptainer/1.4', 'cuda'))}"
    assert bash(f"{code} echo $LOADED").stdout == "load apptainer/1.4 cuda\n"
    assert bash(f"{code} echo $NO_SUCH_VARIABLE").returncode == 1
    assert bash(f"{code} false | true; echo not reached").stdout == ""


@pytest.mark.parametrize(
    ("function", "code", "message"),
    [
        (BROKEN, NOT_LOADED, "`module load apptainer` failed; correct modules in cluster/slurm"),
        ("unset -f module", NO_MODULE_COMMAND, "no command `module` in jobs; set BASH_ENV"),
    ],
)
def test_a_job_that_cannot_load_modules_ends_with_a_message(function, code, message):
    answer = bash(f"{function}; {loading(('apptainer',))} echo not reached")
    assert (answer.returncode, answer.stdout) == (code, "")
    assert message in answer.stderr
    result, fix = explained(Answer(answer.returncode, answer.stdout, answer.stderr))
    assert fix
    assert ("unknown module" in result) == (code == NOT_LOADED)
