"""Heavy packages are imported only where needed: a GPU worker scores with torch, numpy and pyarrow."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.digit_builders import digits_table, put

SERVICES = ["prefect", "mlflow", "duckdb", "pydantic", "pydantic_settings", "platformdirs", "typer", "rich"]
STORES = ["boto3", "botocore", "dask"]  # optional extras
LIBRARIES = ["llvmlite", "PIL", "sklearn", "scipy", "matplotlib", "pandas", "torchvision", "safetensors"]
ABSENT = SERVICES + STORES + LIBRARIES

PROGRAM = """
import sys

ABSENT = set(sys.argv[1].split(","))


class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ABSENT:
            raise ModuleNotFoundError(f"No module named {name!r} on a worker", name=name)


sys.meta_path.insert(0, Absent())
"""

WORK = """
from pathlib import Path
from lenet_pipeline.lake import read_manifest
from lenet_pipeline.network import build_network
from lenet_pipeline.scoring import Engine, Preprocessing, TrainedModel, network_weights, score_shard

dataset, folder = "scans/new", Path(sys.argv[2])
weights = network_weights(build_network("lenet5"))
model = TrainedModel("lenet5", weights, Preprocessing(), 1.5)
manifest = read_manifest(folder / "lake", dataset)
for shard in manifest.shards:
    destination = folder / "predictions" / shard.file
    scored = score_shard(Engine(model, "cpu"), folder / "lake", dataset, shard, destination)
    print(scored.rows)
loaded = sorted(ABSENT & {name.partition(".")[0] for name in sys.modules})
assert not loaded, loaded
"""


def run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-c", textwrap.dedent(program), ",".join(ABSENT), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def test_a_shard_is_scored_where_nothing_else_is_installed(tmp_path: Path):
    put(tmp_path / "lake", "scans/new", digits_table(5), shard_rows=3)
    done = run(PROGRAM + WORK, str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["3", "2"]


def test_absent_packages_cannot_be_imported():
    attempts = "\n".join(
        f"try:\n    import {name}\nexcept ModuleNotFoundError as exc:\n    assert 'on a worker' in str(exc)\n"
        f"else:\n    raise SystemExit('{name} was imported')"
        for name in ABSENT
    )
    done = run(PROGRAM + attempts)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("statement", "absent"),
    [
        ("from lenet_pipeline.jobs import ingest, ingest_forms", {"torch", "mlflow", "prefect"}),
        ("import flows.ingest", {"torch", "mlflow"}),
    ],
)
def test_an_ingest_starts_without_torch_and_mlflow(statement: str, absent: set[str]) -> None:
    program = f"import sys; {statement}; print({absent} & set(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert loaded.stdout == "set()\n"
