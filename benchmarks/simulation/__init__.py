"""Measure and draw simulated events for the pages of docs/simulation."""
