"""contain: run a command inside an image, isolated from the host except for what is passed in."""

import os
import shutil
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from calobatch.checkout import CHECKOUT
from calobatch.errors import UserError
from calobatch.slurm.allocated import ask_allocation
from calobatch.slurm.folder import links_of_jobs, mounted
from calobatch.slurm.images import require_image
from calobatch.slurm.place import place_of_rank
from calobatch.slurm.site import Site, read_site

# The host's variables that are passed in. Anything else that the user's shell has set, such as
# LD_PRELOAD, could change results or break programs of the image.
PASSED = (
    "CALOBATCH_TRACEBACK",
    "CUDA_VISIBLE_DEVICES",
    "SLURM_JOB_ID",
    "SLURM_STEP_NUM_TASKS",
    "TZ",
)
PASSED_PREFIXES = ("CALOBATCH_GIT_", "HOROVOD_", "NCCL_", "GLOO_", "MLFLOW_", "AWS_")
# Variables by which users change what Apptainer mounts and sets inside images, for example
# APPTAINER_BIND and APPTAINERENV_LD_PRELOAD. They are dropped, so that the site file alone decides,
# except those that only say where Apptainer keeps files of its own.
OF_APPTAINER = ("APPTAINER", "SINGULARITY")
KEPT_OF_APPTAINER = {
    f"{program}_{name}" for program in OF_APPTAINER for name in ("CACHEDIR", "CONFIGDIR", "TMPDIR")
}


def contain(image: str, command: Sequence[str]) -> None:
    """Replace this process by ``command`` inside ``image``.

    A rank that srun started is also given its place among the ranks. Raises a UserError if
    Apptainer, the site file or the image that matches this checkout is missing.
    """
    site = read_site()
    if shutil.which("apptainer") is None:
        raise UserError(
            f"{os.uname().nodename} has no apptainer; load its module (modules in the site file), "
            "or ask the cluster's support to install it"
        )
    path = require_image(site.images, image, site.variant)
    for link in links_of_jobs(Path.cwd()):
        if link.broken:
            print(f"calobatch: {link.broken}", file=sys.stderr)
    environment = environment_of_apptainer(site)
    # Snakemake ignores these signals, and processes that it starts inherit that. The training must
    # receive them, because they ask it to write a checkpoint.
    for number in (signal.SIGTERM, signal.SIGUSR1):
        signal.signal(number, signal.SIG_DFL)
    # exec would discard output that Python still buffers.
    sys.stdout.flush()
    sys.stderr.flush()
    call = apptainer_command(path, command, site, environment)
    os.execvpe(call[0], call, environment)  # noqa: S606


def environment_of_apptainer(site: Site) -> dict[str, str]:
    """Return this process's environment plus what Apptainer needs.

    That is the variables to pass in, and containers/mount in front of PATH. Apptainer mounts images
    with the programs in that folder, which survive the signals that end a job. Otherwise a training
    would lose its image before it has written its checkpoint.
    """
    path_with_mount = f"{CHECKOUT / 'containers' / 'mount'}:{os.environ['PATH']}"
    return {**_of_the_host(), **handed_in(os.environ, site), "PATH": path_with_mount}


def _of_the_host() -> dict[str, str]:
    """Return this process's environment without variables that change what an image contains."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(OF_APPTAINER) or name in KEPT_OF_APPTAINER
    }


def handed_in(environment: Mapping[str, str], site: Site) -> dict[str, str]:
    """Return the variables that the command will find, under the names that Apptainer expects.

    Apptainer sets NAME inside the image from APPTAINERENV_NAME outside, even if the value
    contains commas.
    """
    given = {
        name: value
        for name, value in environment.items()
        if name in PASSED or name.startswith(PASSED_PREFIXES)
    }
    given |= {"PYTHONPATH": str(Path("src").resolve()), "PYTHONNOUSERSITE": "1"}
    # matplotlib wants to write a cache, and the image has no home folder.
    given["MPLCONFIGDIR"] = f"/tmp/matplotlib-{os.getuid()}"  # noqa: S108
    given["OMP_NUM_THREADS"] = str(site.cpus_per_rank)
    # The ranks' places are worked out here because the image has no scontrol.
    if int(environment.get("SLURM_NTASKS", 1)) > 1:
        place = place_of_rank(environment, site.network_interface)
        given |= place.as_environment()
        gpus = environment.get("CUDA_VISIBLE_DEVICES", "none")
        print(
            f"rank {place.rank} of {place.size} on {os.uname().nodename}, local rank "
            f"{place.local_rank}, GPUs {gpus}, {place.interface}, "
            f"meeting at {place.address}:{place.port}",
            file=sys.stderr,
        )
    if allocated := ask_allocation(environment):
        given |= allocated.as_environment()
    if has_gpus(environment, site):
        given["CALOBATCH_GPU_EXPECTED"] = "1"
    return {f"APPTAINERENV_{name}": value for name, value in given.items()}


def has_gpus(environment: Mapping[str, str], site: Site) -> bool:
    """Return whether SLURM gave the job GPUs and the images can use them."""
    return site.variant == "cuda" and bool(environment.get("CUDA_VISIBLE_DEVICES"))


def apptainer_command(
    image: Path, command: Sequence[str], site: Site, environment: Mapping[str, str]
) -> list[str]:
    """Return the call of Apptainer.

    It mounts only the project folder, what the project links to, and the site's binds.
    """
    here = Path.cwd()
    paths = mounted(here, site.binds, environment)
    binds = [option for path in paths for option in ("--bind", path)]
    # --nv mounts the host's GPU driver into the image.
    gpus = ["--nv"] if has_gpus(environment, site) else []
    return [
        *("apptainer", "--silent", "exec", "--cleanenv", "--no-home", "--pwd", str(here)),
        *(*gpus, *binds, str(image), *command),
    ]
