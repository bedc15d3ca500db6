"""One flow at a time writes to a home, and a killed one keeps no other waiting."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from prefect import flow
from prefect.client.orchestration import SyncPrefectClient

from flows.writer import HomeBusyError, home_key, one_writer
from lenet_pipeline.settings import read_settings

_WRITER = """
import sys, time
from pathlib import Path
from prefect import flow
from flows.writer import one_writer
from lenet_pipeline.settings import read_settings

@flow
def write():
    with one_writer(read_settings(Path(sys.argv[1]), "tester")):
        print("writing", flush=True)
        time.sleep(60)

write()
"""


@flow
def write(home: Path, waits: bool = True) -> int:
    settings = read_settings(home, "tester")
    with (
        one_writer(settings, waits=waits),
        one_writer(settings, waits=waits),
    ):
        return 1


@pytest.mark.slow
def test_a_second_writer_waits_unless_the_first_is_killed(
    prefect_url: str, environment: dict[str, str], client: SyncPrefectClient, home: Path
) -> None:
    def taken() -> int:
        return client.read_global_concurrency_limit_by_name(home_key(home)).active_slots

    command = [sys.executable, "-c", _WRITER, str(home)]
    variables = {**environment, "PREFECT_API_URL": prefect_url}
    with subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "writing\n"
        assert taken() == 1
        with pytest.raises(HomeBusyError):
            write(home, waits=False)
        other.kill()
    assert taken() == 1  # until the lease of the killed flow expires, in a minute
    assert write(home) == 1
    assert taken() == 0


def test_two_homes_with_the_same_name_have_their_own_limits() -> None:
    assert home_key(Path("/a/invoices")).startswith("lenet-invoices-")
    assert home_key(Path("/a/invoices")) != home_key(Path("/b/invoices"))
