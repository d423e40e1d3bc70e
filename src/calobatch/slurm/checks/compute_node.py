"""Checks of a compute node, from the facts that one job collected there (node_facts.py)."""

import time

from pydantic import ValidationError

from calobatch.errors import JobError
from calobatch.slurm.checks.case import Case
from calobatch.slurm.checks.finding import Finding, failed, ok, skipped, warning
from calobatch.slurm.checks.node_facts import FROM_NODE, SEEN, NodeFacts, read
from calobatch.slurm.checks.storage import held_locks
from calobatch.slurm.geometry import Geometry, job_options
from calobatch.slurm.images import build_command
from calobatch.slurm.profile import PROFILE
from calobatch.slurm.site import SITE_FILE
from calobatch.slurm.trial import TRIAL_MINUTES, NotStartedError, explained, run_trial

# Less than TRIAL_MINUTES, so that the doctor and not SLURM ends a job that hangs.
NODE_JOB_SECONDS = 240.0
SLOW_MOUNT_SECONDS = 5.0
FUSE = (
    "ask the cluster's support for squashfuse and a /dev/fuse that users may open, or for "
    "Apptainer with setuid"
)


def compute_node(case: Case) -> Finding:
    """Run a job on one node, and keep the facts that it collects for the next checks."""
    # One task with the cores and memory of one rank, and a GPU if trainings use GPUs: small, so
    # that it starts soon, and in the same partition as the training.
    gpus = 1 if case.request.shape.gpus_per_node else 0
    memory = case.request.attempts[0].memory_per_cpu
    shape = Geometry(1, 1, gpus, case.site.cpus_per_rank)
    options = job_options(shape, case.site, TRIAL_MINUTES, memory)
    module = ["-m", "calobatch.slurm.checks.node_facts", str(case.trial_folder), str(gpus)]
    begun = time.monotonic()
    try:
        with held_locks(case.trial_folder):
            answer = run_trial(options, module, case.site, case.patience, NODE_JOB_SECONDS)
    except NotStartedError as reason:
        return not_started(case, reason)
    except JobError as error:
        return failed(
            f"{error}", "ask the cluster's support what is wrong with the node (see `sinfo -R`)"
        )
    try:
        # The facts are the last line, because the modules loaded before may print something too.
        case.node = NodeFacts.model_validate_json(answer.output.strip().split("\n")[-1])
    except ValidationError:
        return failed(*explained(answer))
    return ok(f"a test job on {case.node.host} ended after {time.monotonic() - begun:.0f} s")


def not_started(case: Case, reason: NotStartedError) -> Finding:
    """Return the finding for a job that stayed in the queue: a warning, as nodes may be full."""
    return warning(
        f"the test job did not start within {case.patience:.0f} s: {reason}",
        "wait for a free node (`squeue`, `sinfo`), or let the doctor wait longer with --patience "
        "SECONDS",
        suffices=False,
    )


def shared_folder(case: Case) -> Finding:
    """Check that the node and this machine see each other's files in the project folder."""
    host = case.node.host
    # The login node's file holds the name of its folder, which no other folder has.
    if case.node.token != case.trial_folder.name:
        return failed(
            f"{case.trial_folder.parent} on {host} is not the same folder as on this machine",
            "put the project on a file system that all nodes share",
        )
    if case.node.write_error:
        return failed(
            f"{host} cannot write to the project folder: {case.node.write_error}",
            "put the project on a file system that compute nodes may write to",
        )
    begun = time.monotonic()
    while read(case.trial_folder / FROM_NODE) != host:
        if time.monotonic() - begun > case.latency_wait:
            return failed(
                f"a file that {host} wrote was not visible on this machine after "
                f"{case.latency_wait:.0f} s",
                f"ask the cluster's support how the file system is mounted, or raise latency-wait "
                f"in {PROFILE}",
            )
        time.sleep(0.1)
    return ok(f"{host} reads and writes the same folder ({_delay(time.monotonic() - begun)})")


def _delay(seconds: float) -> str:
    return "files visible at once" if seconds < 0.1 else f"files visible after {seconds:.1f} s"


def linked_folders(case: Case) -> Finding:
    """Check that the node has what links in the project and the site's binds lead to."""
    if case.node.missing:
        return failed(
            f"{case.node.host} does not have {', '.join(case.node.missing)}, which binds or links "
            "of the project lead to",
            f"name folders that all nodes mount, in the links and as binds in {SITE_FILE}",
        )
    return ok(f"{case.node.host} has all that binds and links of the project lead to")


def file_locks(case: Case) -> Finding:
    """Check that the node saw the file locks that were held on this machine."""
    unseen = {kind: how for kind, how in case.node.locks.items() if how != SEEN}
    if unseen:
        each = ", ".join(f"{kind}: {how}" for kind, how in unseen.items())
        return warning(
            f"{case.node.host} does not see file locks of this machine ({each})",
            "keep mlflow.db on a local disk, and run one snakemake at a time; or ask the cluster's "
            "support to mount the file system with locks",
        )
    return ok(f"{case.node.host} sees file locks of this machine ({', '.join(case.node.locks)})")


def apptainer(case: Case) -> Finding:
    """Check that Apptainer is installed on the node."""
    if case.node.apptainer_error:
        return failed(
            f"Apptainer does not run on {case.node.host}: {case.node.apptainer_error}",
            f"load its module (modules in {SITE_FILE}), or ask the cluster's support to install it",
        )
    return ok(f"{case.node.apptainer} on {case.node.host}")


def image_mounts(case: Case) -> Finding:
    """Check that the images start, quickly and without being unpacked."""
    mounts = case.node.mounts
    for name, mount in mounts.items():
        if mount.error:
            build = build_command(case.site.variant)
            return failed(
                f"the image {name} does not start on {case.node.host}: {mount.error}",
                FUSE
                if "fuse" in mount.error
                else f"if the image is damaged, delete it and run `{build}`",
            )
    result = ", ".join(f"{name} in {mount.seconds:.1f} s" for name, mount in mounts.items())
    if any(mount.unpacked for mount in mounts.values()):
        return warning(
            f"images are unpacked at each start instead of mounted (started {result})",
            FUSE,
        )
    if max(mount.seconds for mount in mounts.values()) > SLOW_MOUNT_SECONDS:
        return warning(
            f"images start slowly ({result})",
            f"move them to a faster file system (images in {SITE_FILE})",
        )
    return ok(f"images are mounted (started {result})")


def gpus_in_image(case: Case) -> Finding:
    """Check that torch in the image can use the GPU that the job was given."""
    if not case.request.shape.gpus_per_node:
        return skipped("the largest training requests no GPU")
    if case.site.variant == "cpu":
        return warning(
            "trainings request GPUs, but the images are built for CPUs: trainings would run on "
            "CPUs",
            f"set variant: cuda in {SITE_FILE}, or gpus_per_node: 0",
        )
    if case.node.gpu_error or not case.node.gpus or case.node.gpus.startswith("0"):
        return failed(
            f"torch in the image finds no usable GPU on {case.node.host}: "
            f"{case.node.gpu_error or 'it counts 0 GPUs'}",
            "compare the driver (`nvidia-smi` on that node) with the CUDA version of the image; "
            "if the driver is older, ask the cluster's support",
        )
    return ok(f"torch in the image computes on {case.node.gpus} of {case.node.host}")
