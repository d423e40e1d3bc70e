"""The case that the doctor examines: its input, and what earlier checks found for later ones."""

from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from calobatch.config.scenario import Scenario
from calobatch.slurm.checks.node_facts import NodeFacts
from calobatch.slurm.checks.request import Request
from calobatch.slurm.sinfo import Partition
from calobatch.slurm.site import Site


@dataclass
class Case:
    """One run of the doctor. A field without a value is set by the check that finds it.

    ``patience`` is the number of seconds to wait for a test job to start. ``leftovers`` removes, at
    the end, what checks have created. ``latency_wait`` is in seconds.
    """

    scenario: Scenario
    patience: float
    leftovers: ExitStack
    site: Site = field(init=False)
    request: Request = field(init=False)
    latency_wait: float = field(init=False)
    partitions: dict[str, Partition] = field(init=False)
    trial_folder: Path = field(init=False)
    node: NodeFacts = field(init=False)
