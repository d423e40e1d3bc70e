"""Submit a batch script of our own, and ask SLURM's programs for an answer or an error."""

from collections.abc import Mapping, Sequence

from calobatch.errors import JobError, UserError
from calobatch.slurm.ask import NO_PROGRAM, ask
from calobatch.slurm.geometry import options_of_every_job
from calobatch.slurm.sinfo import ask_partitions
from calobatch.slurm.site import Site


def answer_of(command: Sequence[str], text: str = "") -> str:
    """Run one of SLURM's programs with ``text`` as its input, and return what it printed.

    Raises a UserError if this machine does not have the program, and a JobError if it fails.
    """
    answer = ask(command, text=text)
    if answer.code == NO_PROGRAM:
        raise UserError(
            f"the program {command[0]} is not on this machine; log in to a node of the cluster "
            "that has SLURM"
        )
    if answer.code:
        raise JobError(f"{command[0]} failed: {answer.complaint}")
    return answer.output.strip()


def sbatch(script: str, asked: Mapping[str, str], site: Site, *flags: str) -> str:
    """Submit ``script`` in the site's partition, and return the number of the job.

    ``asked`` has the values of sbatch's long options; empty ones are left out.
    """
    wanted = {**asked, "partition": site.partition}
    options = [f"--{name}={value}" for name, value in wanted.items() if value]
    command = ["sbatch", "--parsable", *flags, *options, *options_of_every_job(site)]
    # On a federation of clusters, sbatch --parsable prints "job;cluster".
    return answer_of(command, script).partition(";")[0]


def walltime(site: Site, minutes: float) -> str:
    """Return ``minutes`` for the option `time`, or less if a partition of the site allows less.

    SLURM would accept a job that asks for more, and never start it.
    """
    # sbatch itself refuses a partition that does not exist. sinfo does not list hidden ones, and
    # not every cluster has a default partition.
    wanted = site.partition.split(",")
    allowed = [
        partition.minutes
        for partition in ask_partitions(site).values()
        if partition.name in wanted or (partition.default and not site.partition)
    ]
    return str(int(min([minutes, *allowed])))
