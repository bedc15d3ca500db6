"""Evidence: everything recorded about one digit, from the scan to the reviews, on one page."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from base64 import b64encode
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pyarrow as pa
from PIL import Image

from lenet_pipeline.audit.chain import find_published_head
from lenet_pipeline.audit.pages import data_url, enlarge, page_template, png
from lenet_pipeline.audit.scans import find_scans
from lenet_pipeline.audit.shard_lookup import read_shard_by_fingerprint, select_digits
from lenet_pipeline.errors import PipelineError
from lenet_pipeline.lake import images_array
from lenet_pipeline.settings import Settings
from lenet_pipeline.warehouse import AsOf, read_chain_head, read_field_picture, run_audit

_SCALE = 8  # pixels on the page per pixel of the image
_MARGIN = 0.5  # around the cell on the scan, as a share of its longer side
_CHUNK_BYTES = 1 << 20
_UNCHANGED = "unchanged"


@dataclass(frozen=True)
class Evidence:
    """Everything recorded about one digit.

    Attributes:
        digit_id: the full identifier of the digit.
        places: rows of the audit ``evidence_places``.
        predictions: rows of the audit ``evidence_predictions``.
        versions: rows of the audit ``evidence_versions``.
        values: rows of the audit ``evidence_values``.
        reviews: rows of the audit ``reviews``.
        scan: whether the source file still exists here and is unchanged, in words.
        pictures: PNG or JPEG files by name: ``scan``, ``field`` and ``normalised``, as far as available.
        chain_head: the last link of the audit chain.
        published_head: the last link that was published to MLflow.
        as_of: when the snapshot last changed (UTC); None if the rows come from the database itself.
    """

    digit_id: str
    places: pa.Table
    predictions: pa.Table
    versions: pa.Table
    values: pa.Table
    reviews: pa.Table
    scan: str
    pictures: Mapping[str, bytes]
    chain_head: str
    published_head: str | None
    as_of: datetime | None


def gather_evidence(settings: Settings, digit: str, as_of: AsOf | None = None) -> Evidence:
    """Gather everything recorded about a digit.

    Args:
        settings: of the home.
        digit: the digit's id, or its beginning.
        as_of: reads the snapshot while another process writes to the database; None waits instead.

    Raises:
        PipelineError: the digit has no prediction, or the database has lost its place on paper.
        WarehouseError: the database cannot be read.
    """

    def ask(name: str, **parameters: str) -> pa.Table:
        return run_audit(settings.warehouse, name, parameters, as_of)

    places = ask("evidence_places", digit=digit)
    predictions = ask("evidence_predictions", digit=digit)
    if not len(predictions):
        raise PipelineError(
            f"digit {digit!r} has no prediction; `lenet audit decisions` lists digits that have one"
        )
    if not len(places):
        raise PipelineError(
            f"the database has lost the place of digit {digit!r} on paper: its rows were deleted; run "
            "`lenet check` for details"
        )
    place = places.to_pylist()[0]
    scan, unchanged = _find_scan(settings, place)
    published = find_published_head(settings)
    return Evidence(
        digit_id=place["digit_id"],
        places=places,
        predictions=predictions,
        versions=ask("evidence_versions", digit=digit),
        values=ask("evidence_values", digit=digit),
        reviews=ask("reviews", digit=place["digit_id"]),
        scan=scan,
        pictures=dict(_pictures(settings, place, predictions.to_pylist()[0], unchanged, as_of)),
        chain_head=str(read_chain_head(settings.warehouse, as_of)),
        published_head=str(published) if published else None,
        as_of=as_of.changed_at if as_of else None,
    )


def evidence_record(evidence: Evidence) -> dict[str, Any]:
    """Return the evidence as plain values for JSON, with pictures in base64."""
    tables = {
        name: value.to_pylist() if isinstance(value, pa.Table) else value
        for name, value in vars(evidence).items()
    }
    return {
        **tables,
        "pictures": {name: b64encode(data).decode() for name, data in evidence.pictures.items()},
    }


def evidence_page(evidence: Evidence) -> str:
    """Render the evidence as one self-contained HTML page."""
    return page_template("evidence.html").render(
        evidence=evidence,
        place=evidence.places.to_pylist()[0],
        predictions=evidence.predictions.to_pylist(),
        versions=evidence.versions.to_pylist(),
        values=evidence.values.to_pylist(),
        reviews=evidence.reviews.to_pylist(),
        verdict=_newest_verdict(evidence),
        pictures={name: data_url(data) for name, data in evidence.pictures.items()},
    )


def _newest_verdict(evidence: Evidence) -> dict[str, Any] | None:
    """Return the newest verdict on the digit itself that counts, or None."""
    for row in evidence.reviews.to_pylist():
        if row["kind"] == "digit" and not row["is_undone"]:
            return dict(row)
    return None


def _find_scan(settings: Settings, place: Mapping[str, Any]) -> tuple[str, Path | None]:
    """Say whether the source file of a digit exists here and is unchanged, and return its path if so."""
    states = []
    for path in find_scans(settings, place["source"], place["source_sha256"]):
        state = _describe_scan(path, place["source_sha256"])
        if state == _UNCHANGED:
            return state, path
        states.append(state)
    return states[0], None


def _describe_scan(path: Path, source_sha256: str) -> str:
    """Say whether the source file of a digit exists here and is unchanged."""
    try:
        # The fingerprint of an MNIST file is that of its uncompressed content.
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            digest = hashlib.sha256()
            while chunk := file.read(_CHUNK_BYTES):
                digest.update(chunk)
    except (OSError, EOFError, zlib.error, ValueError):
        return "not on this machine, or unreadable"
    return _UNCHANGED if digest.hexdigest() == source_sha256 else "changed since ingestion"


def _pictures(
    settings: Settings,
    place: Mapping[str, Any],
    prediction: Mapping[str, Any],
    scan: Path | None,
    as_of: AsOf | None,
) -> list[tuple[str, bytes]]:
    """Return the pictures of a digit that the disk, the database and the lake still have.

    ``scan`` is None if the file is gone or has changed.
    """
    found: list[tuple[str, bytes]] = []
    with suppress(PipelineError):
        if place["field_id"] and scan is not None:  # a crop of a changed file proves nothing
            found.append(("scan", _crop_scan(settings, scan, place)))
    with suppress(PipelineError):
        if place["field_id"]:
            wanted = UUID(place["field_id"])
            picture = read_field_picture(settings.warehouse, wanted, as_of)
            found += [("field", picture)] if picture else []
    with suppress(PipelineError):
        dataset = (prediction["datasets"] or "").split(", ")[0]
        shard = read_shard_by_fingerprint(settings, dataset, place["shard_fingerprint"])
        for image in images_array(select_digits(shard, {place["digit_id"]}))[:1]:
            found.append(("normalised", enlarge(image, _SCALE)))
    return found


def _crop_scan(settings: Settings, scan: Path, place: Mapping[str, Any]) -> bytes:
    """Crop a cell and a margin around it from the scan; return a PNG."""
    from lenet_pipeline.forms import read_scan  # loads OpenCV, which few digits need

    page, box = read_scan(scan, place["page"], settings.page_limits), place["source_box"]
    margin = round(_MARGIN * max(box["width"], box["height"]))
    corners = (
        max(0, box["x"] - margin),
        max(0, box["y"] - margin),
        box["x"] + box["width"] + margin,
        box["y"] + box["height"] + margin,
    )
    return png(Image.fromarray(page.image).crop(corners))
