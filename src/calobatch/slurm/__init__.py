"""What a SLURM cluster needs: the images that jobs run in, and the code that runs outside them."""
