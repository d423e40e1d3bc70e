"""What each job requested from SLURM, what it used, and the smaller request that would do."""
