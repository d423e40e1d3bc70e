"""What each job requested from SLURM, what it used, and a smaller request that would be enough."""
