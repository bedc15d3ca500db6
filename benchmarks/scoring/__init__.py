"""Benchmarks of bulk scoring: ``python -m benchmarks.scoring``."""
