"""predict as a SLURM job in the image with torch.

Login nodes have no torch, and are not for long computations.
The scores are computed on CPUs.
"""

import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from calobatch.run.predictor import models_in
from calobatch.slurm.folder import require_visible
from calobatch.slurm.geometry import DATA_MB, MOST_CORES, memory
from calobatch.slurm.images import require_image
from calobatch.slurm.modules import loading
from calobatch.slurm.sbatch import sbatch, walltime
from calobatch.slurm.site import Site

JOB_NAME = "calobatch-predict"
MINUTES = 120
SCRIPT = """#!/usr/bin/env bash
export PATH={path}
{loading}exec {calobatch} contain train -- {predict}
"""


def submit_predict(folder: Path, files: Sequence[Path], output: Path, site: Site) -> None:
    """Submit a job that writes the scores of ``files`` to ``output``, and print its number.

    Raises a UserError if ``folder`` is not that of a finished training or an ensemble, if an image
    does not see one of the paths, or if the image is missing; and a JobError if SLURM refuses the
    job.
    """
    weights = [weights for _, weights in models_in(folder).trainings]
    paths = (*weights, *files, output)
    require_visible([("predict", path) for path in paths], Path.cwd(), site.binds)
    require_image(site.images, "train", site.variant)
    cores = min(MOST_CORES, site.cpus_per_node)
    words = ["calobatch", "predict", str(folder), *map(str, files), "--output", str(output)]
    log = Path("logs/predict") / f"{output.stem}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    job = sbatch(
        SCRIPT.format(
            path=shlex.quote(os.environ["PATH"]),
            loading=loading(site.modules),
            calobatch=shlex.quote(str(Path(sys.executable).with_name("calobatch"))),
            predict=shlex.join([*words, "--threads", str(cores)]),
        ),
        {
            "job-name": JOB_NAME,
            "comment": str(output),
            "output": str(log),
            "time": walltime(site, MINUTES),
            "ntasks": "1",
            "cpus-per-task": str(cores),
            "mem-per-cpu": str(memory(DATA_MB, 1, cores, site)),
        },
        site,
    )
    print(f"submitted as job {job}, which writes {output}\nLog      {log}\nStop     scancel {job}")
