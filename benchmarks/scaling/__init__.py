"""The scaling study: measure trainings on several ranks, and predict many GPUs (docs/scaling)."""
