"""Whether two ranks of a training talk, on two nodes if there are, and how fast."""

from calobatch.communicator.speed import Speed
from calobatch.errors import JobError
from calobatch.slurm.checks.case import Case
from calobatch.slurm.checks.compute_node import not_started
from calobatch.slurm.checks.finding import Finding, failed, ok, warning
from calobatch.slurm.checks.fit import fitting
from calobatch.slurm.checks.request import job_options
from calobatch.slurm.checks.trial import MINUTES, NotStartedError, explained, run_trial
from calobatch.slurm.geometry import Geometry
from calobatch.slurm.site import SITE_FILE

JOB_SECONDS = 180.0
# Below what Ethernet of 10 Gbit/s gives; above the 118 MB/s of 1 Gbit/s.
SLOW_MEGABYTES_PER_SECOND = 300.0
SLOW_MICROSECONDS = 5000.0
NETWORK = (
    f"if it names the network, set network_interface in {SITE_FILE}, or ask the site whether jobs "
    "may open ports between nodes"
)


def ranks_talk(case: Case) -> Finding:
    """Let two ranks add up numbers, in the image, as trainings do."""
    backend = case.request.communicator if case.request.shape.ranks > 1 else "horovod"
    module = ["-m", "calobatch.cli", "contain", "train", "--"]
    probe = ["python", "-m", "calobatch.communicator.probe", backend, case.request.device]
    memory = case.request.attempts[0].memory_per_cpu
    options = job_options(shape_of_two(case), case.site, MINUTES, memory)
    try:
        answer = run_trial(options, [*module, *probe], case.site, case.patience, JOB_SECONDS)
        if answer.code:
            return failed(*explained(answer, NETWORK))
        return judge(Speed.in_output(answer.output), case)
    except NotStartedError as reason:
        return not_started(case, reason)
    except JobError as error:
        return failed(str(error), NETWORK)


def shape_of_two(case: Case) -> Geometry:
    """Return the shape of the job: two nodes with a rank each if two are in use, or else one."""
    nodes = min(2, sum(node.in_use for node in fitting(case)))
    nodes = max(nodes, 1)
    per_node = 2 // nodes
    on_gpus = case.request.shape.gpus_per_node and case.site.gpus_per_node >= per_node
    return Geometry(nodes, per_node, per_node if on_gpus else 0, case.site.cpus_per_rank)


def judge(speed: Speed, case: Case) -> Finding:
    """Judge the measured speed."""
    link = f", {speed.link_mbit / 1000:g} Gbit/s" if speed.link_mbit else ""
    result = (
        f"{speed.ranks} ranks on {speed.nodes} node(s) over {speed.interface}{link}: "
        f"{speed.latency_us:.0f} µs, {speed.megabytes_per_second:.0f} MB/s "
        f"({speed.backend}, {speed.device})"
    )
    mend = (
        f"set network_interface in {SITE_FILE} to the fast one, if nodes have several (`ip -brief "
        "address` there); other jobs on their cores make ranks slow too"
    )
    if speed.nodes == 1:
        return warning(
            result, "only one node is in use, so nothing was measured between nodes; see `sinfo`"
        )
    if speed.interface == "lo":
        return warning(f"{result}; that leads to no other node", mend)
    if (
        speed.megabytes_per_second < SLOW_MEGABYTES_PER_SECOND
        or speed.latency_us > SLOW_MICROSECONDS
    ):
        return warning(f"{result}; that is slow", mend)
    return ok(result)
