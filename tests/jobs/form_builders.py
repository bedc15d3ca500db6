"""Forms for whole jobs: slips that are read in milliseconds, filled with the embedded digits."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
from PIL import Image

from lenet_pipeline.forms.filling.severities import SEVERITIES
from lenet_pipeline.forms.templates.template_file import read_template
from lenet_pipeline.jobs import FillingJob, check, fill_forms
from lenet_pipeline.settings import Settings
from lenet_pipeline.warehouse.queries import run_audit, run_select

Row = dict[str, Any]

# A slip of 100 x 50 mm without a blank form: a scan is only scaled to it, and no features are looked for.
SLIP = """
form: slip
page: {width: 100, height: 50}
register: scale
fields:
  - name: number
    cells: {x: 6, y: 6, width: 6, height: 8, pitch: 6, count: 4}
    rules: [{length: [4, 4]}]
  - name: key
    cells: {x: 56, y: 6, width: 6, height: 8, pitch: 6, count: 3}
    rules: [{length: [3, 3]}]
  - name: one
    cells: {x: 6, y: 26, width: 6, height: 8, pitch: 6, count: 2}
  - name: other
    cells: {x: 26, y: 26, width: 6, height: 8, pitch: 6, count: 2}
  - name: total
    cells: {x: 56, y: 26, width: 6, height: 8, pitch: 6, count: 3}
"""
SLIP_FIELDS = ("number", "key", "one", "other", "total")
ROWS = """
select pages.source_sha256, pages.page, pages.status, pages.page_id, fields.field_id, fields.field,
    cells.position, cells.state, cells.digit_id, cells.box, cells.source_box, cells.ink
from pages left join fields using (page_id) left join cells using (field_id)
order by all
"""


def write_template(folder: Path, text: str = SLIP, name: str = "slip.yaml") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(text)
    return path


def fill_slips(
    settings: Settings, folder: Path, pages: int, text: str = SLIP, seed: int = 7, severity: str = "none"
) -> Path:
    """Fill slips with the embedded digits into a folder of their own; return it."""
    template = read_template(write_template(folder.parent / f"{folder.name}-template", text))
    fill_forms(settings, FillingJob(template, "optdigits/test", pages, seed, SEVERITIES[severity], folder))
    return folder


def read_truth(folder: Path) -> dict[tuple[str, str], str]:
    """Return what was written, by the name of the scan and the field."""
    with (folder / "truth.csv").open(newline="") as file:
        return {(row["source"], row["field"]): row["value"] for row in csv.DictReader(file)}


def scans(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix != ".csv")


def grey(scan: Path) -> np.ndarray:
    with Image.open(scan) as picture:
        return np.asarray(picture.convert("L"))


def ask(settings: Settings, statement: str) -> list[Row]:
    return list(run_select(settings.warehouse, statement).to_pylist())


def audit(settings: Settings, name: str, **parameters: str) -> list[Row]:
    return list(run_audit(settings.warehouse, name, parameters).to_pylist())


def count(settings: Settings, table: str) -> int:
    with duckdb.connect(str(settings.warehouse.path), read_only=True) as connection:
        return int(connection.table(table).count("*").fetchall()[0][0])


def broken_checks(settings: Settings) -> list[str]:
    return [item.query.name for item in check(settings) if len(item.violations)]


def pick(rows: Iterable[Row], *names: str) -> list[tuple[Any, ...]]:
    return [tuple(row[name] for name in names) for row in rows]
