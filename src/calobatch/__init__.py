"""calobatch: detector images to trained classifiers, on a laptop or a SLURM cluster."""


def __getattr__(name: str) -> str:
    """Look up ``__version__`` only when it is used, because importing its module takes 60 ms."""
    if name == "__version__":
        from importlib.metadata import version

        return version("calobatch")
    raise AttributeError(f"module 'calobatch' has no attribute {name!r}")
