"""evaluate: compute metrics and draw plots from the predictions of a run, without its model."""
