"""Check that two ranks can talk, on two nodes if possible, and measure how fast."""

from calobatch.communicator.speed import Speed
from calobatch.errors import JobError
from calobatch.slurm.checks.case import Case
from calobatch.slurm.checks.compute_node import not_started
from calobatch.slurm.checks.finding import Finding, failed, ok, warning
from calobatch.slurm.checks.partitions import nodes_for_training
from calobatch.slurm.geometry import Geometry, job_options
from calobatch.slurm.site import SITE_FILE
from calobatch.slurm.trial import TRIAL_MINUTES, NotStartedError, explained, run_trial

# Less than TRIAL_MINUTES, so that the doctor and not SLURM ends a job that hangs.
RANKS_JOB_SECONDS = 180.0
# Between the 118 MB/s that 1 Gbit/s Ethernet gives, and what 10 Gbit/s gives.
SLOW_MEGABYTES_PER_SECOND = 300.0
SLOW_MICROSECONDS = 5000.0
NETWORK = (
    f"if nodes have several networks, set network_interface in {SITE_FILE}; or ask the cluster's "
    "support whether jobs may open ports between nodes"
)


def ranks_talk(case: Case) -> Finding:
    """Let two ranks, in the image, add up numbers as the ranks of a training do."""
    backend = case.request.communicator if case.request.shape.ranks > 1 else "horovod"
    module = ["-m", "calobatch.cli", "contain", "train", "--"]
    probe = ["python", "-m", "calobatch.communicator.probe", backend, case.request.device]
    memory = case.request.attempts[0].memory_per_cpu
    options = job_options(shape_of_two(case), case.site, TRIAL_MINUTES, memory)
    try:
        answer = run_trial(options, [*module, *probe], case.site, case.patience, RANKS_JOB_SECONDS)
        if answer.code:
            return failed(*explained(answer, NETWORK))
        return judge(Speed.in_output(answer.output), case)
    except NotStartedError as reason:
        return not_started(case, reason)
    except JobError as error:
        return failed(str(error), NETWORK)


def shape_of_two(case: Case) -> Geometry:
    """Return the shape of a job with two ranks: on two nodes if two are available, else on one.

    The ranks use GPUs if trainings do and a node has enough of them.
    """
    nodes = min(2, sum(node.available for node in nodes_for_training(case)))
    nodes = max(nodes, 1)
    per_node = 2 // nodes
    on_gpus = case.request.shape.gpus_per_node and case.site.gpus_per_node >= per_node
    return Geometry(nodes, per_node, per_node if on_gpus else 0, case.site.cpus_per_rank)


def judge(speed: Speed, case: Case) -> Finding:
    """Return the finding for a measured speed."""
    link = f", {speed.link_mbit / 1000:g} Gbit/s" if speed.link_mbit else ""
    result = (
        f"{speed.ranks} ranks on {speed.nodes} node(s) over {speed.interface}{link}: "
        f"latency {speed.latency_us:.0f} µs, {speed.megabytes_per_second:.0f} MB/s "
        f"({speed.backend}, {speed.device})"
    )
    fix = (
        "if nodes have a faster network (`ip -brief address` on a node lists them), set "
        f"network_interface in {SITE_FILE}; other jobs on the same cores also slow ranks down"
    )
    if speed.nodes == 1:
        return warning(
            result,
            "only one node was available, so the network between nodes was not measured; see "
            "`sinfo`",
        )
    # Two nodes, but the loopback interface: with lo, a rank reaches only the ranks of its own node.
    if speed.interface == "lo":
        return warning(f"{result}; this interface does not connect nodes", fix)
    if (
        speed.megabytes_per_second < SLOW_MEGABYTES_PER_SECOND
        or speed.latency_us > SLOW_MICROSECONDS
    ):
        return warning(f"{result}; this is slow", fix)
    return ok(result)
