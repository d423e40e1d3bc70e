"""What the head process does on a cluster before it submits its first job.

The head process is the Snakemake that submits and watches all jobs.
"""

from pathlib import Path

from calobatch.provenance import hand_down_commit
from calobatch.slurm.images import NAMES, require_image
from calobatch.slurm.orphans import end_orphans
from calobatch.slurm.site import Site, read_site


def require_site_and_images(site: Site) -> None:
    """Raise UserError if there is no site file, or an image is missing."""
    read_site()
    for image in NAMES:
        require_image(site.images, image, site.variant)


def prepare_jobs() -> None:
    """End jobs that a dead head process left, and pass the git commit to new jobs."""
    end_orphans(Path.cwd())
    hand_down_commit()
