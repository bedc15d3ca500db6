"""The example notebook runs without Prefect, and its stored outputs are whole."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from docs.notebook import NOTEBOOK, hide_prefect, read_code
from tests.conftest import CHECKOUT


@pytest.mark.slow
def test_cells_run_in_a_process_that_cannot_import_prefect(tmp_path: Path) -> None:
    program = tmp_path / "library.py"
    program.write_text(read_code() + "\n\nprint(len(tenths), history['position'])\n", encoding="utf-8")
    path = os.pathsep.join([str(hide_prefect(tmp_path / "without-prefect")), str(CHECKOUT)])
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LENET_", "PREFECT_"))}
    environment = {**kept, "PYTHONPATH": path, "MPLBACKEND": "agg"}
    refused = subprocess.run([sys.executable, "-c", "import prefect"], env=environment, capture_output=True)
    assert b"ImportError" in refused.stderr
    done = subprocess.run(
        [sys.executable, str(program)],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    assert "digits/1, lenet5: promote" in done.stdout
    assert re.search(r"^10 \d+$", done.stdout, re.MULTILINE)
    assert (tmp_path / "library-home" / "audit.duckdb").exists()


def test_every_cell_ran_in_order_and_pictures_are_stored() -> None:
    code = [
        cell
        for cell in json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
        if cell["cell_type"] == "code"
    ]
    outputs = [output for cell in code for output in cell["outputs"]]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    assert all(output["output_type"] != "error" and output.get("name") != "stderr" for output in outputs)
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 2


def test_notebook_has_no_absolute_path() -> None:
    text = re.sub(r'"image/png": "[^"]*"', "", NOTEBOOK.read_text(encoding="utf-8"))
    assert re.findall(r"(?<![\w.])/(?:home|tmp|root|usr|work|Users)\b[^\s\"]*", text) == []
