"""Benchmarks that compare calobatch with other programs and with physical limits."""
