"""What a figure was measured on, with the versions of everything that a job runs through."""

from __future__ import annotations

from importlib.metadata import version

from lenet_pipeline.system import machine


def describe_machine() -> dict[str, str]:
    """Return the machine's description and the versions that matter to a whole job."""
    services = {name: version(name) for name in ("duckdb", "pyarrow", "mlflow", "prefect")}
    return {**machine.describe_machine(), **services}
