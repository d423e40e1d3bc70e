"""The README's commands for a first run on a cluster, word for word, as an ordinary user.

The fixture `ready` runs the second to the fourth, and test_bundle.py the last two. The user only
edits the site file, and the address of the repository is that of a copy.
"""

import re

from tests.cluster.readme import commands


def test_the_first_command_clones_the_repository(testbed, repository):
    clone = commands()[0].replace("ADDRESS", str(repository))
    answer = testbed.shell(f"cd ~ && rm -rf calobatch && {clone} && git status --short && pwd")
    assert answer.stdout == "/home/physicist/calobatch\n"


def test_both_commands_that_name_a_scenario_name_the_same():
    doctor, run = commands()[-2:]
    scenario = re.fullmatch(r"make doctor SCENARIO=(\w+)", doctor).group(1)
    assert re.fullmatch(rf"snakemake --profile slurm --config scenario={scenario}", run)
