"""Benchmarks: one command for each figure that the README reports."""
