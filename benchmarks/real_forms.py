"""The digits of real scanned forms with known values: answer sheets and the cover of an exam booklet."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lenet_pipeline.jobs import FormIngestJob, ingest_forms
from lenet_pipeline.lake import images_array, read_manifest, read_shard
from lenet_pipeline.schema import Images, Labels
from lenet_pipeline.settings import read_settings

_TEMPLATES = Path(__file__).parents[1] / "examples" / "templates"
_FIELD = "student_number"


@dataclass(frozen=True)
class _Form:
    """Scans of one form: their paths, the template, and the number on each, in order of path."""

    scans: str
    template: str
    numbers: tuple[str, ...]


_FORMS = (
    _Form("answer-sheets", "answer-sheet", ("0188877", "0203959", "0204729")),
    _Form("exam-booklets/test-auto-parse-scan-success.pdf", "exam-booklet", ("0123456789",)),
)


def read_cells(folder: Path) -> tuple[Images, Labels]:
    """Return the 31 written digits of the forms in a folder, uint8 (31, 28, 28), and their labels, uint8.

    Raises:
        LenetError: a form cannot be read.
        ValueError: another number of digits was found.
    """
    images, labels = [], []
    for number, form in enumerate(_FORMS):
        digits = _ingest(folder, form, f"forms-{number}/all")
        for written in form.numbers:
            found, digits = digits.slice(0, len(written)), digits.slice(len(written))
            images.append(images_array(found.combine_chunks()))
            labels.append(np.array(list(written), np.uint8)[: len(found)])
        if len(digits):
            raise ValueError(f"{len(digits)} more digits than expected in {form.scans}")
    return np.concatenate(images), np.concatenate(labels)


def _ingest(folder: Path, form: _Form, dataset: str) -> pa.Table:
    """Return the digits of the numbers, in order of path and place."""
    with tempfile.TemporaryDirectory() as home:
        settings = read_settings(Path(home), "benchmark")
        scans = folder / form.scans
        template, references = _TEMPLATES / f"{form.template}.yaml", folder / Path(form.scans).parts[0]
        ingest_forms(settings, FormIngestJob(scans, (template,), dataset, references, processes=1))
        shards = read_manifest(settings.lake, dataset).shards
        digits = pa.concat_tables([read_shard(settings.lake, dataset, shard) for shard in shards])
    chosen = digits.filter(pc.equal(digits["field"], _FIELD))
    return chosen.sort_by([("source", "ascending"), ("page", "ascending"), ("position", "ascending")])
