"""Drift: quiet on more of the same, and loud on what is different."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from scipy import ndimage

from lenet_pipeline.jobs import ScoringJob, score
from lenet_pipeline.lake.appending import append_digits
from lenet_pipeline.lake.datasets import read_manifest, read_shard
from lenet_pipeline.lake.digits import images_array
from lenet_pipeline.schema import DIGITS
from lenet_pipeline.scoring.drift_reference import LOWER_ENDS
from lenet_pipeline.settings import Settings
from lenet_pipeline.system import Event, Observer
from lenet_pipeline.warehouse.migrations import migrate
from lenet_pipeline.warehouse.queries import run_audit

Change = Callable[[np.ndarray], np.ndarray]
TRAIN = "optdigits/train"


def put(
    settings: Settings, dataset: str, change: Change, label: int | None = None, source: str = TRAIN
) -> None:
    """Make a dataset of the digits that the champion learned from, or of others, of one label or all."""
    manifest = read_manifest(settings.lake, source)
    digits = pa.concat_tables([read_shard(settings.lake, source, shard) for shard in manifest.shards])
    if label is not None:
        digits = digits.filter(pa.compute.equal(digits["label"], label))
    images = np.ascontiguousarray(change(images_array(digits.combine_chunks())).astype(np.uint8))
    column = pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(784), len(images), [None, pa.py_buffer(images.reshape(-1))]
    )
    place = DIGITS.get_field_index("image")
    changed = digits.set_column(place, DIGITS.field("image"), column)
    append_digits(settings.lake, dataset, [changed], shard_rows=1_000, actor="tester")


def measured(settings: Settings, dataset: str) -> dict[str, dict[str, Any]]:
    score(settings, ScoringJob(dataset))
    rows = run_audit(settings.warehouse, "drift", {"dataset": dataset}).to_pylist()
    return {row["measure"]: row for row in rows}


def test_more_of_the_same_is_quiet(settings: Settings) -> None:
    rows = measured(settings, "optdigits/test")
    assert set(rows) == {"class", "confidence", "ink", "not_a_digit"}
    assert not any(row["is_drifted"] for row in rows.values())
    # Seventy-two validation digits: chance alone is far over the threshold, and is allowed for.
    assert all(row["alarm_from"] > 0.1 for row in rows.values())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "change", "label", "expected"),
    [
        ("blurred/all", lambda images: ndimage.gaussian_filter(images, (0, 4, 4)), None, "confidence"),
        ("inverted/all", lambda images: 255 - images, None, "ink"),
        ("sevens/all", lambda images: images, 7, "class"),
    ],
)
def test_what_is_different_is_loud_once(
    settings: Settings, name: str, change: Change, label: int | None, expected: str
) -> None:
    put(settings, name, change, label)
    rows = measured(settings, name)
    assert rows[expected]["is_drifted"]
    assert rows[expected]["stability_index"] > rows[expected]["alarm_from"] >= 0.1
    again = score(settings, ScoringJob(name))
    assert again.drifted == ()  # it was told when it was found
    with duckdb.connect(str(settings.warehouse.path), read_only=True) as connection:
        assert connection.execute("select count(*) from drift").fetchall() == [(4,)]


def test_a_bin_in_sql_is_the_same_as_in_the_reference(settings: Settings) -> None:
    migrate(settings.warehouse)
    ends = LOWER_ENDS["confidence"]
    asked = [np.nextafter(np.float32(end), np.float32(way)) for end in ends[1:] for way in (0, 1)] + [*ends]
    with duckdb.connect(str(settings.warehouse.path), read_only=True) as connection:
        for confidence in asked:
            value = float(np.float32(confidence))
            found = connection.execute(
                "select confidence_bin($confidence::float)", {"confidence": value}
            ).fetchall()
            expected = np.searchsorted(np.array(ends, np.float32), np.float32(value), side="right") - 1
            assert found == [(expected,)], value


def test_the_index_and_the_distance_are_what_their_definitions_say(settings: Settings) -> None:
    row = measured(settings, "optdigits/test")["class"]
    with duckdb.connect(str(settings.warehouse.path), read_only=True) as connection:
        found = dict(connection.execute("select label, count(*) from predictions group by label").fetchall())
        reference = dict(
            connection.execute("select bin, digits from drift_references where measure = 'class'").fetchall()
        )
    counts = np.array([[found.get(label, 0), reference[label]] for label in range(10)], float)
    p, q = ((counts + 0.5) / (counts.sum(axis=0) + 5)).T
    assert row["stability_index"] == pytest.approx(((p - q) * np.log(p / q)).sum())
    shares = (counts / counts.sum(axis=0)).cumsum(axis=0)
    assert row["kolmogorov_smirnov"] == pytest.approx(np.abs(shares[:, 0] - shares[:, 1]).max())


class Listener(Observer):
    """Keeps the events that a job announces."""

    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, str], set[str]]] = []

    def announce(self, event: str, resource: Mapping[str, str], payload: Mapping[str, object]) -> None:
        self.events.append((event, dict(resource), set(payload)))


@pytest.mark.slow
def test_an_event_names_the_run_and_the_measures_that_drifted(settings: Settings) -> None:
    put(settings, "negatives/all", lambda images: 255 - images)
    listener = Listener()
    report = score(settings, ScoringJob("negatives/all"), listener)
    ((event, resource, measures),) = listener.events
    assert event == Event.DRIFT == "lenet.drift"
    assert resource == {
        "prefect.resource.id": "lenet.dataset.negatives/all",
        "prefect.resource.name": "negatives/all",
        "lenet.scoring_run_id": str(report.scoring_run_id),
        "lenet.model_version": "digits/1",
    }
    assert measures == set(report.drifted) >= {"ink"}
    score(settings, ScoringJob("optdigits/test"), listener)
    score(settings, ScoringJob("negatives/all"), listener)
    assert len(listener.events) == 1
