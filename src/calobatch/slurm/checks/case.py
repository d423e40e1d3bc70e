"""What is being checked, and what earlier checks found out for later ones."""

from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from calobatch.config.models import Scenario
from calobatch.slurm.checks.node import NodeFacts
from calobatch.slurm.checks.partitions import Partition
from calobatch.slurm.checks.request import Request
from calobatch.slurm.site import Site


@dataclass
class Case:
    """One examination. What has no value yet is set by the check that finds it out.

    ``leftovers`` undoes, at the end, what checks have left behind.
    """

    scenario: Scenario
    patience: float
    leftovers: ExitStack
    site: Site = field(init=False)
    request: Request = field(init=False)
    partitions: dict[str, Partition] = field(init=False)
    trial_folder: Path = field(init=False)
    node: NodeFacts = field(init=False)
