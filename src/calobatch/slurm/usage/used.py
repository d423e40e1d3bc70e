"""What a job used, as far as it was measured: its time, cores, memory and GPUs."""

from typing import NamedTuple

from calobatch.run.training import RunRecord
from calobatch.slurm.printed import SLURM_MB
from calobatch.slurm.usage.sacct import Job, Run, Step
from calobatch.slurm.usage.submit_line import WorkflowJob

# A job must live for this number of samples, or its largest memory was probably missed.
FEWEST_SAMPLES = 2
# The clocks of two nodes may differ by this number of seconds.
SECONDS_OF_CLOCKS = 60.0


class Used(NamedTuple):
    """What a job used. A quantity that was not measured is None.

    ``seconds`` is the time of all runs together. ``cores`` is the mean number of cores that
    computed. ``memory`` is that of one node in MB, at most: the memory that ranks share is counted
    for each of them. ``threads`` is the number of cores that each rank was set to use.
    ``gpu_utilisation`` (0 to 1), ``gpu_joules`` and ``gpu_memory`` (MB of one GPU, tensors only)
    are what the training recorded, since it last started.
    """

    seconds: float
    cores: float | None
    memory: float | None
    ranks: int = 1
    threads: int = 1
    gpu_utilisation: float | None = None
    gpu_joules: float | None = None
    gpu_memory: float | None = None


class Measured(NamedTuple):
    """A job of the workflow: what it is, what it requested, and what it used."""

    workflow: WorkflowJob
    job: Job
    used: Used

    @property
    def state(self) -> str:
        """The state of the last run, for example COMPLETED."""
        return self.job.runs[-1].state

    @property
    def requeues(self) -> int:
        """How many times SLURM returned the job to the queue."""
        return len(self.job.runs) - 1

    @property
    def memory_requested(self) -> float:
        """Requested memory per node in MB; 0 if it is unknown."""
        return self.job.memory / self.job.nodes


def measure(job: Job, sampling: float | None, record: RunRecord | None = None) -> Used:
    """Return what ``job`` used.

    SLURM samples the memory of a job every ``sampling`` seconds, or not at all. ``record`` is that
    of the training that the job finished, if it did.
    """
    # Accounting knows only what the steps that have ended used.
    ended = [run for run in job.runs if run.start and run.end]
    # Without any CPU time, the record was lost, for example together with the node.
    recorded = [run for run in ended if run.cpu_seconds]
    seconds = sum(run.seconds for run in recorded)
    ranks = max((step.tasks for run in job.runs for step in run.steps), default=1)
    # Samples miss a short peak. A training asks the system for that of its ranks.
    peak = -(-record.ranks // job.nodes) * _peak(record) if record else 0.0
    memories = [_memory(run, sampling, peak) for run in ended]
    if any(run.state == "OUT_OF_MEMORY" for run in job.runs):
        # The samples miss the moment in which the memory ran out.
        memories.append(job.memory / job.nodes)
    used = Used(
        seconds=sum(run.seconds for run in job.runs),
        cores=sum(run.cpu_seconds for run in recorded) / seconds if seconds else None,
        memory=None,
        ranks=ranks,
    )
    if record:
        used = used._replace(
            ranks=record.ranks,
            threads=record.training.threads,
            gpu_utilisation=record.throughput.gpu_utilisation,
            gpu_joules=record.throughput.gpu_energy_joules,
            gpu_memory=record.throughput.gpu_peak_memory_mb,
        )
    return used._replace(memory=max((mb for mb in memories if mb), default=None))


def _peak(record: RunRecord) -> float:
    """Return the memory of the largest rank in MB as SLURM counts them."""
    return record.throughput.peak_memory_mb / SLURM_MB


def _memory(run: Run, sampling: float | None, peak: float) -> float | None:
    """Return the memory per node in MB that a run used; None if there were too few samples.

    ``peak`` is that of the ranks, if they recorded it; it is not all, because the ranks share the
    node with the batch script. The steps of a job of the workflow follow each other.
    """
    steps = [step for step in run.steps if step.name != "extern"]
    if sampling is None or not all(
        step.task_memory and step.seconds >= FEWEST_SAMPLES * sampling for step in steps
    ):
        return None
    batch = sum(_memory_of(step) for step in steps if step.name == "batch")
    ranks = max((_memory_of(step) for step in steps if step.name != "batch"), default=0.0)
    return batch + max(ranks, peak) or None


def _memory_of(step: Step) -> float:
    """Return the most memory that a step can have used on one node."""
    tasks_per_node = -(-step.tasks // step.nodes)
    most = tasks_per_node * (step.task_memory or 0.0)
    return min(most, step.memory) if step.memory else most


def finished_by(job: Job, record: RunRecord) -> bool:
    """Return whether it was this job that finished the training of ``record``."""
    last = job.runs[-1]
    if last.state != "COMPLETED" or last.start is None or last.end is None:
        return False
    earliest, latest = last.start - SECONDS_OF_CLOCKS, last.end + SECONDS_OF_CLOCKS
    return earliest <= record.finished <= latest
