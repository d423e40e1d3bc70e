"""Predict speed, efficiency and cost of a training on more GPUs than were measured."""
