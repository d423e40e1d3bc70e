"""contain: run a command in an image, with nothing of the host but what it is given."""

import os
import shutil
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from calobatch.checkout import CHECKOUT
from calobatch.errors import UserError
from calobatch.slurm.images import require_image
from calobatch.slurm.place import place_of_rank
from calobatch.slurm.site import Site, read_site

# Taken over from the host by name; whatever else the user's shell has set stays outside.
PASSED = ("CALOBATCH_TRACEBACK", "CUDA_VISIBLE_DEVICES", "SLURM_PROCID", "TZ")
PASSED_PREFIXES = ("CALOBATCH_GIT_", "HOROVOD_", "NCCL_", "GLOO_", "MLFLOW_", "AWS_")


def contain(image: str, command: Sequence[str]) -> None:
    """Become ``command`` inside ``image``; a rank that srun started is told its place.

    Raises a UserError if Apptainer, the site file or an image of this very environment is missing.
    """
    site = read_site()
    if shutil.which("apptainer") is None:
        raise UserError(
            f"there is no apptainer on {os.uname().nodename}; load its module (modules in the site "
            "file), or ask the site for it"
        )
    path = require_image(site.images, image, site.variant)
    environment = environment_of_apptainer(site)
    # Snakemake, which started this, ignores these signals; the command must not.
    for number in (signal.SIGTERM, signal.SIGUSR1):
        signal.signal(number, signal.SIG_DFL)
    sys.stdout.flush()
    sys.stderr.flush()
    call = apptainer_command(path, command, site, environment)
    os.execvpe(call[0], call, environment)  # noqa: S606


def environment_of_apptainer(site: Site) -> dict[str, str]:
    """Return this process's environment, with what is handed in and the mount that stays."""
    path_with_mount = f"{CHECKOUT / 'containers' / 'mount'}:{os.environ['PATH']}"
    return {**os.environ, **handed_in(os.environ, site), "PATH": path_with_mount}


def handed_in(environment: Mapping[str, str], site: Site) -> dict[str, str]:
    """Return the variables that the command will find, as Apptainer is told of them."""
    given = {
        name: value
        for name, value in environment.items()
        if name in PASSED or name.startswith(PASSED_PREFIXES)
    }
    given |= {"PYTHONPATH": str(Path("src").resolve()), "PYTHONNOUSERSITE": "1"}
    # There is no home folder in the image.
    given["MPLCONFIGDIR"] = f"/tmp/matplotlib-{os.getuid()}"  # noqa: S108
    given["OMP_NUM_THREADS"] = str(site.cpus_per_rank)
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
    if has_gpus(environment, site):
        given["CALOBATCH_GPU_EXPECTED"] = "1"
    return {f"APPTAINERENV_{name}": value for name, value in given.items()}


def has_gpus(environment: Mapping[str, str], site: Site) -> bool:
    """Return whether the job was given GPUs, and the images can use them."""
    return site.variant == "cuda" and bool(environment.get("CUDA_VISIBLE_DEVICES"))


def apptainer_command(
    image: Path, command: Sequence[str], site: Site, environment: Mapping[str, str]
) -> list[str]:
    """Return the call of Apptainer: only the project folder and the site's binds are mounted."""
    here = Path.cwd()
    binds = [option for bind in (str(here), *site.binds) for option in ("--bind", bind)]
    gpus = ["--nv"] if has_gpus(environment, site) else []
    return [
        *("apptainer", "--silent", "exec", "--cleanenv", "--no-home", "--pwd", str(here)),
        *(*gpus, *binds, str(image), *command),
    ]
