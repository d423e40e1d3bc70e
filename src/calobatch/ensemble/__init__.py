"""ensemble: let several trainings predict together, with probabilities that can be trusted."""
