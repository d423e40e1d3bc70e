"""One job on one compute node, and what it found there."""

import time

from pydantic import ValidationError

from calobatch.errors import JobError
from calobatch.slurm.checks.case import Case
from calobatch.slurm.checks.finding import Finding, failed, ok, skipped, warning
from calobatch.slurm.checks.node import FROM_NODE, SEEN, NodeFacts, read
from calobatch.slurm.checks.request import job_options
from calobatch.slurm.checks.storage import held_locks
from calobatch.slurm.checks.trial import MINUTES, NotStartedError, explained, run_trial
from calobatch.slurm.geometry import Geometry
from calobatch.slurm.site import SITE_FILE

JOB_SECONDS = 240.0
SLOW_MOUNT_SECONDS = 5.0
# As `latency-wait` in the profile: so long Snakemake waits for a file of another node.
SECONDS_UNTIL_VISIBLE = 60.0
FUSE = (
    "ask the site for squashfuse and a /dev/fuse that users may open, or for Apptainer with setuid"
)


def compute_node(case: Case) -> Finding:
    """Run the job; what it found out is for the checks that follow."""
    gpus = 1 if case.request.shape.gpus_per_node else 0
    memory = case.request.attempts[0].memory_per_cpu
    options = job_options(Geometry(1, 1, gpus, case.site.cpus_per_rank), case.site, MINUTES, memory)
    module = ["-m", "calobatch.slurm.checks.node", str(case.trial_folder), str(gpus)]
    begun = time.monotonic()
    try:
        with held_locks(case.trial_folder):
            answer = run_trial(options, module, case.site, case.patience, JOB_SECONDS)
    except NotStartedError as reason:
        return not_started(case, reason)
    except JobError as error:
        return failed(f"{error}", "ask the site what is wrong with its node (`sinfo -R`)")
    try:
        case.node = NodeFacts.model_validate_json(answer.output.strip().split("\n")[-1])
    except ValidationError:
        return failed(*explained(answer))
    return ok(f"{case.node.host} ran a job within {time.monotonic() - begun:.0f} s")


def not_started(case: Case, reason: NotStartedError) -> Finding:
    """Tell of a job that stayed in the queue."""
    return warning(
        f"no job started within {case.patience:.0f} s: {reason}",
        "wait for a free node (`squeue`, `sinfo`), or give it longer: --patience SECONDS",
        suffices=False,
    )


def shared_folder(case: Case) -> Finding:
    """Compare what the node read with what was written here, and the other way round."""
    host = case.node.host
    if case.node.token != case.trial_folder.name:
        return failed(
            f"{case.trial_folder.parent} on {host} is another folder than here",
            "put the project on a file system that all nodes share",
        )
    if case.node.write_error:
        return failed(
            f"{host} cannot write to it: {case.node.write_error}",
            "put the project on a file system that compute nodes may write to",
        )
    begun = time.monotonic()
    while read(case.trial_folder / FROM_NODE) != host:
        if time.monotonic() - begun > SECONDS_UNTIL_VISIBLE:
            return failed(
                f"a file that {host} wrote does not show up here",
                "ask the site how its file system is mounted",
            )
        time.sleep(0.1)
    return ok(f"{host} reads and writes the same folder ({_delay(time.monotonic() - begun)})")


def _delay(seconds: float) -> str:
    return "seen here at once" if seconds < 0.1 else f"seen here after {seconds:.1f} s"


def file_locks(case: Case) -> Finding:
    """Judge whether the node saw the locks held here."""
    unseen = {kind: how for kind, how in case.node.locks.items() if how != SEEN}
    if unseen:
        told = ", ".join(f"{kind}: {how}" for kind, how in unseen.items())
        return warning(
            f"locks of this node are not seen on {case.node.host} ({told})",
            "keep mlflow.db on a disk of one node, and start one snakemake at a time; or ask the "
            "site to mount with locks",
        )
    return ok(f"{' and '.join(case.node.locks)} of this node are seen on {case.node.host}")


def apptainer(case: Case) -> Finding:
    """Judge whether there is Apptainer."""
    if case.node.apptainer_error:
        return failed(
            f"on {case.node.host}: {case.node.apptainer_error}",
            f"load its module (modules in {SITE_FILE}), or ask the site for Apptainer",
        )
    return ok(f"{case.node.apptainer} on {case.node.host}")


def image_mounts(case: Case) -> Finding:
    """Judge whether images are mounted, and soon."""
    mounts = case.node.mounts
    for name, mount in mounts.items():
        if mount.error:
            return failed(
                f"image {name} does not start on {case.node.host}: {mount.error}",
                FUSE if "fuse" in mount.error else "if it is damaged, remove it and `make images`",
            )
    result = ", ".join(f"{name} {mount.seconds:.1f} s" for name, mount in mounts.items())
    if any(mount.unpacked for mount in mounts.values()):
        return warning(
            f"images are unpacked at each start, not mounted ({result})",
            FUSE,
        )
    if max(mount.seconds for mount in mounts.values()) > SLOW_MOUNT_SECONDS:
        return warning(
            f"images start slowly ({result})",
            f"put them on a faster file system (images in {SITE_FILE})",
        )
    return ok(f"mounted ({result})")


def gpus_in_image(case: Case) -> Finding:
    """Judge whether the image sees the GPU that the job was given."""
    if not case.request.shape.gpus_per_node:
        return skipped("no GPUs are asked for")
    if case.site.variant == "cpu":
        return warning(
            "GPUs are asked for, but the images are for CPUs: trainings run on CPUs",
            f"set variant: cuda in {SITE_FILE}, or gpus_per_node: 0",
        )
    if case.node.gpu_error or not case.node.gpus or case.node.gpus.startswith("0"):
        return failed(
            f"torch in the image finds no GPU on {case.node.host}: "
            f"{case.node.gpu_error or 'none is there'}",
            "compare the driver (`nvidia-smi` there) with the CUDA of the image; ask the site if "
            "its driver is older",
        )
    return ok(f"torch in the image computes on {case.node.gpus} of {case.node.host}")
