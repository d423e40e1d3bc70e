"""calobatch: detector images to trained classifiers, on a laptop or a SLURM cluster."""

from importlib.metadata import version

__version__ = version("calobatch")
