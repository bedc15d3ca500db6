"""The wheel: whole by itself, outside the checkout, with its SQL."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

from tests.conftest import CHECKOUT


def test_the_wheel_works_outside_the_checkout_with_its_sql(tmp_path: Path) -> None:
    build = [
        sys.executable,
        "-m",
        "build",
        "--wheel",
        "--no-isolation",
        "--outdir",
        str(tmp_path),
        str(CHECKOUT),
    ]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    for folder in ("schema", "load", "audit", "checks"):
        shipped = {Path(name).name for name in names if name.startswith(f"lenet_pipeline/sql/{folder}/")}
        assert shipped == {path.name for path in (CHECKOUT / "sql" / folder).glob("*.sql")}
    for folder in (
        "lenet_pipeline/review/static",
        "lenet_pipeline/review/templates",
        "lenet_pipeline/registry/packaged",
    ):
        shipped = {Path(name).name for name in names if name.startswith(f"{folder}/")}
        assert shipped == {path.name for path in (CHECKOUT / folder).iterdir()}
    assert not [name for name in names if name.startswith("tests/")]

    site = tmp_path / "site"
    install = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--target",
        str(site),
        str(wheel),
    ]
    subprocess.run(install, check=True, capture_output=True)
    (tmp_path / "elsewhere").mkdir()
    environment = {**os.environ, "PYTHONPATH": str(site), "LENET_HOME": str(tmp_path / "home")}
    script = (
        "import lenet_pipeline, pathlib\n"
        "from lenet_pipeline.warehouse import Warehouse, list_audits, migrate\n"
        "from lenet_pipeline.warehouse.statements import sql_directory\n"
        "migrate(Warehouse(pathlib.Path('audit.duckdb'), 1))\n"
        "print(lenet_pipeline.__file__, sql_directory(), len(list_audits()))"
    )
    outside = {"env": environment, "cwd": tmp_path / "elsewhere", "capture_output": True, "text": True}
    answer = subprocess.run([sys.executable, "-c", script], check=True, **outside).stdout.split()  # type: ignore[call-overload]
    assert answer[0].startswith(str(site))
    assert answer[1] == str(site / "lenet_pipeline" / "sql")
    assert int(answer[2]) == len(list((CHECKOUT / "sql" / "audit").glob("*.sql")))
    command = subprocess.run([str(site / "bin" / "lenet"), "audit"], check=True, **outside)  # type: ignore[call-overload]
    assert "low_confidence" in command.stdout
