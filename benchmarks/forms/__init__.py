"""Benchmarks of form reading: ``python -m benchmarks.forms``."""
