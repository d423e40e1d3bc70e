"""predict: score raw files with the model of a finished run."""
