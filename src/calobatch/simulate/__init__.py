"""Simulated stand-ins for the public data."""
