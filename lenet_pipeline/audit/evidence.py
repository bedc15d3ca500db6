"""Evidence: the whole chain from one digit in the database back to paper and to people, on one page."""

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
from lenet_pipeline.audit.shard_lookup import select_digits, find_shard
from lenet_pipeline.errors import PipelineError
from lenet_pipeline.lake import images_array
from lenet_pipeline.settings import Settings
from lenet_pipeline.warehouse import AsOf, read_chain_head, read_field_picture, run_audit

_ENLARGED = 8  # times: 28 pixels are too few to look at
_AROUND = 0.5  # of a cell's side, shown around it on the scan
_CHUNK = 1 << 20
_UNCHANGED = "unchanged"


@dataclass(frozen=True)
class Evidence:
    """All that is known of one digit: tables of the audits ``evidence_*`` and ``reviews``, and pictures.

    ``scan`` says whether the file it was read from is there, and as it was. ``pictures`` are PNG or JPEG by
    what they show; what is missing is not among them. ``chain_head`` is the audit trail's last link, and
    ``published_head`` the last one that MLflow was told of. ``as_of`` is None where the database itself was
    asked, else the time of the last change in the snapshot that was.
    """

    digit_id: str
    places: pa.Table
    predictions: pa.Table
    versions: pa.Table
    reviews: pa.Table
    scan: str
    pictures: Mapping[str, bytes]
    chain_head: str
    published_head: str | None
    as_of: datetime | None


def gather_evidence(settings: Settings, digit: str, as_of: AsOf | None = None) -> Evidence:
    """Gather what is known of a digit, by its id or the beginning of one.

    Where somebody writes to the database and ``as_of`` is given, the snapshot is asked.

    Raises:
        PipelineError: nothing was ever read from such a digit, or the database does not say where it was.
        WarehouseError: the database cannot be read.
    """

    def ask(name: str, **parameters: str) -> pa.Table:
        return run_audit(settings.warehouse, name, parameters, as_of)

    places = ask("evidence_places", digit=digit)
    predictions = ask("evidence_predictions", digit=digit)
    if not len(predictions):
        raise PipelineError(
            f"nothing was ever read from the digit {digit!r}; `lenet audit decisions` lists some"
        )
    if not len(places):
        raise PipelineError(
            f"the database does not say where the digit {digit!r} was on paper: rows of it are gone; "
            "`lenet check` tells more"
        )
    place = places.to_pylist()[0]
    scan = _look_at_scan(place)
    published = find_published_head(settings)
    return Evidence(
        digit_id=place["digit_id"],
        places=places,
        predictions=predictions,
        versions=ask("evidence_versions", digit=digit),
        reviews=ask("reviews", digit=place["digit_id"]),
        scan=scan,
        pictures=dict(_pictures(settings, place, predictions.to_pylist()[0], scan == _UNCHANGED, as_of)),
        chain_head=str(read_chain_head(settings.warehouse, as_of)),
        published_head=str(published) if published else None,
        as_of=as_of.changed_at if as_of else None,
    )


def evidence_record(evidence: Evidence) -> dict[str, Any]:
    """Return the evidence as plain values; pictures as base64."""
    tables = {
        name: value.to_pylist() if isinstance(value, pa.Table) else value
        for name, value in vars(evidence).items()
    }
    return {
        **tables,
        "pictures": {name: b64encode(data).decode() for name, data in evidence.pictures.items()},
    }


def evidence_page(evidence: Evidence) -> str:
    """Return the evidence as one HTML page that needs no other file."""
    return page_template("evidence.html").render(
        evidence=evidence,
        place=evidence.places.to_pylist()[0],
        predictions=evidence.predictions.to_pylist(),
        versions=evidence.versions.to_pylist(),
        reviews=evidence.reviews.to_pylist(),
        pictures={name: data_url(data) for name, data in evidence.pictures.items()},
    )


def _look_at_scan(place: Mapping[str, Any]) -> str:
    """Say whether the file that a digit came from is there, and the same."""
    path = Path(place["source"])
    try:
        # MNIST is known by what its files hold, packed or not.
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            digest = hashlib.sha256()
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
    except (OSError, EOFError, zlib.error, ValueError):
        return "not on this machine, or not to be read"
    return _UNCHANGED if digest.hexdigest() == place["source_sha256"] else "changed since it was read"


def _pictures(
    settings: Settings,
    place: Mapping[str, Any],
    prediction: Mapping[str, Any],
    is_same: bool,
    as_of: AsOf | None,
) -> list[tuple[str, bytes]]:
    """Return what can be shown of a digit; what is gone, from the lake or from disk, is left out."""
    found: list[tuple[str, bytes]] = []
    with suppress(PipelineError):
        if place["field_id"] and is_same:  # a piece of another document would be no evidence
            found.append(("scan", _crop_scan(settings, place)))
    with suppress(PipelineError):
        if place["field_id"]:
            wanted = UUID(place["field_id"])
            picture = read_field_picture(settings.warehouse, wanted, as_of)
            found += [("field", picture)] if picture else []
    with suppress(PipelineError):
        dataset = (prediction["datasets"] or "").split(", ")[0]
        shard = find_shard(settings, dataset, place["shard_fingerprint"])
        for image in images_array(select_digits(shard, {place["digit_id"]}))[:1]:
            found.append(("normalised", enlarge(image, _ENLARGED)))
    return found


def _crop_scan(settings: Settings, place: Mapping[str, Any]) -> bytes:
    """Cut a cell, and some of what is around it, out of the scan."""
    from lenet_pipeline.forms import read_page  # loads OpenCV, which most digits do not need

    page, box = read_page(Path(place["source"]), place["page"], settings.page_limits), place["source_box"]
    margin = round(_AROUND * max(box["width"], box["height"]))
    corners = (
        max(0, box["x"] - margin),
        max(0, box["y"] - margin),
        box["x"] + box["width"] + margin,
        box["y"] + box["height"] + margin,
    )
    return png(Image.fromarray(page.image).crop(corners))
