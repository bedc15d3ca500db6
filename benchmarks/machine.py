"""Description of the machine and of the library versions that a figure was measured with."""

from __future__ import annotations

from importlib.metadata import version

from lenet_pipeline import system


def describe_machine() -> dict[str, str]:
    """Return the machine's description and the versions of the libraries that a job uses."""
    libraries = {name: version(name) for name in ("duckdb", "pyarrow", "mlflow", "prefect")}
    return {**system.describe_machine(), **libraries}
