# Where the jobs run. On this machine a rule's command is started as it stands; on a cluster in an
# image, and the ranks of a training by srun, laid out as the site file allows.

import signal

from calobatch.provenance import hand_down_commit
from calobatch.slurm import geometry
from calobatch.slurm.images import NAMES, require_image
from calobatch.slurm.orphans import end_orphans
from calobatch.slurm.site import EXAMPLE, SITE_FILE, read_site

try:
    # Until there is a site file, dry runs show the cluster of the example.
    SITE = read_site(SITE_FILE if SITE_FILE.exists() else EXAMPLE)
    SHAPES = {
        task: geometry.geometry(settings.ranks, settings.device, SITE, settings.threads)
        for task, settings in SCENARIO.tasks.items()
    }
except UserError as error:
    print(f"calobatch: {error}", file=sys.stderr)
    sys.exit(error.exit_code)

if workflow.remote_exec:
    # SLURM signals all processes of a job step; it is the training that acts on them.
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if SITE.modules:
        shell.prefix(f"set -euo pipefail; module load {' '.join(SITE.modules)}; ")


def on_cluster():
    """Whether the jobs of this run are SLURM's: this process submits them, or is one of them."""
    if workflow.dryrun:
        # Snakemake does not tell for which executor; only those of clusters are given `jobs`.
        return workflow.resource_settings.nodes is not None
    return workflow.remote_exec or workflow.non_local_exec


def cores(wildcards):
    """The cores of a job that can use several."""
    return min(8, SITE.cpus_per_node) if on_cluster() else 8


def started_in(image):
    """The resource that starts a rule's command: nothing here, the image on a cluster."""
    return lambda wildcards: f"calobatch contain {image} --" if on_cluster() else ""


def ranks_started(wildcards):
    """The resource that starts the ranks of a training, here or on a cluster."""
    if not on_cluster():
        return f"calobatch launch -n {SCENARIO.tasks[wildcards.task].ranks}"
    srun = geometry.launcher(SHAPES[wildcards.task])
    return f"calobatch requeue -- {srun} calobatch contain train --"


def of_training(resource):
    """A resource of the job that a training is, or None where its shape leaves it open."""

    def value(wildcards):
        shape = SHAPES[wildcards.task]
        return geometry.resources(shape, SITE).get(resource) if on_cluster() else None

    return value


def memory(base):
    """MB for each core of a job: more at each attempt, as far as a node of the site has it."""
    return lambda wildcards, threads, attempt: (
        geometry.memory(base, attempt, threads, SITE) if on_cluster() else None
    )


def memory_of_training(wildcards, attempt):
    """MB for each core of a training, likewise."""
    cores_per_node = SHAPES[wildcards.task].cpus_per_node
    return (
        geometry.memory(geometry.TRAINING_MB, attempt, cores_per_node, SITE)
        if on_cluster()
        else None
    )


def of_site(key):
    """A resource that the site file gives to every job, or None where it leaves it to SLURM."""
    return lambda wildcards: (getattr(SITE, key) or None) if on_cluster() else None


onstart:
    if on_cluster():
        try:
            read_site()
            for image in NAMES:
                require_image(SITE.images, image, SITE.variant)
            if not workflow.remote_exec:
                end_orphans(Path.cwd())
                hand_down_commit()
        except UserError as error:
            print(f"calobatch: {error}", file=sys.stderr)
            sys.exit(error.exit_code)
