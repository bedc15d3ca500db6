"""Scheduling: the work of a night, the retraining schedule, and what follows a promotion."""
