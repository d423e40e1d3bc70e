"""On a SLURM cluster: the images that jobs run in, and what runs outside of them."""
