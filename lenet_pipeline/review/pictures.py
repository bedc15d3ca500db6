"""Pictures of digits, as data URLs: cells cut from the pictures of their fields, or images from the lake."""

from __future__ import annotations

import threading
from base64 import b64encode
from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

from PIL import Image

from lenet_pipeline.audit import read_shard_by_fingerprint, select_digits
from lenet_pipeline.errors import PipelineError
from lenet_pipeline.lake import images_array
from lenet_pipeline.settings import Settings
from lenet_pipeline.warehouse import Warehouse, read_field_pictures, read_run

_KEPT = 20_000  # pictures of about 2 KB
_AHEAD = 240  # digits of forms that are cut in advance, four groups

Row = dict[str, Any]


@dataclass
class DigitPictures:
    """Pictures of the digits that people work on, by digit_id. Methods may run in several threads.

    A person waits only for the first group of a queue: the pictures of the next ones are made in a thread.
    """

    settings: Settings
    warehouse: Warehouse
    _kept: OrderedDict[str, str] = field(default_factory=OrderedDict)
    _datasets: dict[str, str] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _worker: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(1, thread_name_prefix="pictures")
    )

    def read(self, scoring_run_id: str, wanted: Sequence[Row], listed: Sequence[Row]) -> dict[str, str]:
        """Return the pictures of some digits of a run as data URLs.

        Args:
            scoring_run_id: the run.
            wanted: rows of ``list_group_digits``.
            listed: the rows that follow, whose pictures are made in advance.

        Raises:
            LakeError: the lake no longer has an image.
            WarehouseError: the database cannot be read.
        """
        found = self._find(wanted)
        missing = [row for row in wanted if row["digit_id"] not in found]
        found |= self._make(scoring_run_id, missing, listed)
        self._worker.submit(self._prepare, scoring_run_id, listed)
        return found

    def _find(self, rows: Iterable[Row]) -> dict[str, str]:
        with self._lock:
            return {
                row["digit_id"]: self._kept[row["digit_id"]] for row in rows if row["digit_id"] in self._kept
            }

    def _keep(self, pictures: dict[str, str]) -> None:
        with self._lock:
            self._kept.update(pictures)
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)

    def _prepare(self, scoring_run_id: str, listed: Sequence[Row]) -> None:
        """Make pictures in advance. A failure is raised when a person needs the picture."""
        in_forms = [row for row in listed if row["field_id"]][:_AHEAD]
        others = [row for row in listed if not row["field_id"]]
        known = self._find(listed)
        try:
            self._make(scoring_run_id, [row for row in in_forms if row["digit_id"] not in known], ())
            for row in others:  # each may read a shard, and then has the other digits of the shard too
                if row["digit_id"] not in self._find([row]):
                    self._make(scoring_run_id, [row], others)
        except PipelineError:
            return

    def _make(self, scoring_run_id: str, rows: Sequence[Row], listed: Sequence[Row]) -> dict[str, str]:
        in_forms = [row for row in rows if row["field_id"]]
        others = [row for row in rows if not row["field_id"]]
        made = self._cut(in_forms) | self._read_shards(scoring_run_id, others, listed)
        self._keep(made)
        return made

    def _cut(self, rows: Sequence[Row]) -> dict[str, str]:
        if not rows:
            return {}
        from lenet_pipeline.forms import cut_cells  # loads OpenCV
        from lenet_pipeline.ingest import Box

        by_field = defaultdict(list)
        for row in rows:
            by_field[row["field_id"]].append(row)
        made: dict[str, str] = {}
        for one in read_field_pictures(self.warehouse, list(by_field)).to_pylist():
            digits = by_field[one["field_id"]]
            cells = [Box(**row["box"]) for row in digits]
            cut = cut_cells(one["picture"], Box(**one["box"]), cells)
            made |= {row["digit_id"]: _data_url("jpeg", each) for row, each in zip(digits, cut, strict=True)}
        return made

    def _read_shards(self, scoring_run_id: str, rows: Sequence[Row], listed: Sequence[Row]) -> dict[str, str]:
        """Read the images of digits from the lake, with those of the listed digits in the same shards."""
        if not rows:
            return {}
        dataset = self._datasets.get(scoring_run_id)
        if dataset is None:
            dataset = self._datasets[scoring_run_id] = read_run(self.warehouse, scoring_run_id).dataset
        shards = {row["shard_fingerprint"]: set[str]() for row in rows}
        for row in (*rows, *listed):
            if row["shard_fingerprint"] in shards:
                shards[row["shard_fingerprint"]].add(row["digit_id"])
        made: dict[str, str] = {}
        for fingerprint, ids in shards.items():
            digits = select_digits(read_shard_by_fingerprint(self.settings, dataset, fingerprint), ids)
            images = 255 - images_array(digits)
            for digit_id, image in zip(digits["digit_id"].to_pylist(), images, strict=True):
                stream = BytesIO()
                Image.fromarray(image).save(stream, "PNG")
                made[str(digit_id)] = _data_url("png", stream.getvalue())
        return made


def _data_url(kind: str, content: bytes) -> str:
    return f"data:image/{kind};base64,{b64encode(content).decode()}"
