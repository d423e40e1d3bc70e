"""evaluate: predictions to metrics with uncertainties, curves and plots; it never sees a model."""
