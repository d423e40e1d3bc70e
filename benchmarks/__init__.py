"""Benchmarks of calobatch, each side by side with a peer and a physical limit."""
