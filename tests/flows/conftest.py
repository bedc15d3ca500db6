"""Flows run against a real Prefect server on loopback."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from prefect.settings import PREFECT_API_URL
from prefect.testing.utilities import prefect_test_harness


@pytest.fixture(scope="session", autouse=True)
def prefect_url() -> Iterator[str]:
    """The address of a Prefect server that all tests of flows share."""
    with prefect_test_harness(server_startup_timeout=120):
        yield str(PREFECT_API_URL.value())
