"""Collect facts on a compute node: `python -m calobatch.slurm.checks.node_facts FOLDER GPUS`.

The doctor runs this in a job. It runs outside of the images, because it tests whether they start.
It only collects facts; the doctor judges them on the login node (compute_node.py).
"""

import fcntl
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from calobatch.config.section import Section
from calobatch.errors import UserError
from calobatch.slurm.ask import Answer, ask
from calobatch.slurm.contain import apptainer_command, environment_of_apptainer
from calobatch.slurm.folder import links_of_jobs
from calobatch.slurm.images import NAMES, require_image
from calobatch.slurm.site import Site, read_site

# Files in the folder for the trials: one written on the login node, one on the compute node.
FROM_LOGIN, FROM_NODE = "from_login", "from_node"
# File systems may support one kind of lock between nodes and not the other.
LOCKS: dict[str, Callable[[int, int], None]] = {"flock": fcntl.flock, "lockf": fcntl.lockf}
SEEN, NOT_SEEN = "seen", "not seen"
# How long each image may take to start, and torch to use the GPUs. Together these times must stay
# below NODE_JOB_SECONDS (compute_node.py).
MOUNT_SECONDS, GPU_SECONDS = 60.0, 90.0
# A part of Apptainer's message when it cannot mount an image and unpacks it into a folder instead.
UNPACKED = "temporary sandbox"
# A GPU that is counted may still be unusable, so a tensor is created on each.
SHOW_GPUS = (
    "import torch; n = torch.cuda.device_count(); [torch.ones(1, device=i) for i in range(n)]; "
    "print(n, *{torch.cuda.get_device_name(i) for i in range(n)})"
)


class Mount(Section):
    """How an image started: the time in seconds, whether it was unpacked, and the error or ""."""

    seconds: float
    unpacked: bool
    error: str = ""


class NodeFacts(Section):
    """The facts about a node. Fields for an error are empty if there was none.

    ``token`` is what the node read from the login node's file. ``locks`` says for each kind whether
    the node saw the login node's lock, or gives the error. ``missing`` names the paths to mount
    that the node does not have.
    """

    host: str
    token: str
    write_error: str
    missing: tuple[str, ...]
    locks: dict[str, str]
    apptainer: str
    apptainer_error: str
    mounts: dict[str, Mount]
    gpus: str
    gpu_error: str


def main(folder: Path, gpus: int) -> None:
    """Print the facts as one line of JSON. ``gpus`` is the number of GPUs that the job has."""
    site = read_site()
    version = ask(["apptainer", "--version"])
    images = {} if version.code else {name: mount(name, site) for name in NAMES}
    seen = show_gpus(site) if gpus and not version.code else Answer(0, "")
    facts = NodeFacts(
        host=os.uname().nodename,
        token=read(folder / FROM_LOGIN),
        write_error=write(folder / FROM_NODE),
        missing=missing(site),
        locks={kind: try_lock(folder / kind, lock) for kind, lock in LOCKS.items()},
        apptainer=version.output.strip(),
        apptainer_error=version.complaint if version.code else "",
        mounts=images,
        gpus=seen.output.strip(),
        gpu_error=seen.complaint if seen.code else "",
    )
    print(facts.model_dump_json(), flush=True)


def read(path: Path) -> str:
    """Return the text of a file, or an empty text if it cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""


def write(path: Path) -> str:
    """Write this node's name to a file; return the error, or an empty text."""
    try:
        path.write_text(os.uname().nodename, encoding="utf-8")
    except OSError as error:
        return str(error)
    return ""


def missing(site: Site) -> tuple[str, ...]:
    """Return the targets of the site's binds and of the project's links that are not here."""
    wanted = [Path(bind.split(":")[0]) for bind in site.binds]
    wanted += [link.target for link in links_of_jobs(Path.cwd())]
    return tuple(str(path) for path in dict.fromkeys(wanted) if not path.exists())


def try_lock(path: Path, lock: Callable[[int, int], None]) -> str:
    """Return whether the lock that the login node holds is seen here, or the error."""
    try:
        with path.open("r+b") as file:
            lock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return SEEN
    except OSError as error:
        return str(error)
    return NOT_SEEN


def mount(name: str, site: Site) -> Mount:
    """Start a program that does nothing in an image, and return how the image started."""
    begun = time.monotonic()
    try:
        answer = in_image(name, ["true"], site, MOUNT_SECONDS)
    except UserError as error:
        return Mount(seconds=0, unpacked=False, error=str(error))
    return Mount(
        seconds=round(time.monotonic() - begun, 2),
        unpacked=UNPACKED in answer.errors,
        error=answer.complaint if answer.code else "",
    )


def show_gpus(site: Site) -> Answer:
    """Let torch, in the image, count the GPUs and create a tensor on each of them."""
    try:
        return in_image("train", ["python", "-c", SHOW_GPUS], site, GPU_SECONDS)
    except UserError as error:
        return Answer(error.exit_code, "", str(error))


def in_image(name: str, command: list[str], site: Site, timeout: float) -> Answer:
    """Run a command as `calobatch contain` does, but let Apptainer print its messages.

    One of them says that the image is unpacked.
    """
    environment = environment_of_apptainer(site)
    path = require_image(site.images, name, site.variant)
    call = apptainer_command(path, command, site, environment)
    return ask([word for word in call if word != "--silent"], timeout, environment)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
