"""The packaged model is rebuilt to the same bytes from the same sources."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.packaged_model.__main__ import FILES, build, list_differing
from benchmarks.packaged_model.sources import SOURCES, Source
from benchmarks.packaged_model.training import PLAN
from lenet_pipeline.jobs import IngestJob, ingest
from lenet_pipeline.registry import read_packaged_model
from lenet_pipeline.registry.training_file import TRAINING

SOURCE = Source(
    option="optdigits",
    title="digits of scikit-learn",
    licence="CC BY 4.0",
    origin="E. Alpaydin and C. Kaynak",
    ingest=lambda settings, _: ingest(settings, IngestJob("optdigits")),
    training=("optdigits/train",),
    tests=(("optdigits/test", "other digits of scikit-learn"),),
)


def test_two_builds_have_the_same_bytes_and_another_seed_has_others(tmp_path: Path) -> None:
    plan, folders = replace(PLAN, epochs=1), {SOURCE: Path()}
    for name, seed in (("one", 0), ("two", 0), ("three", 1)):
        build(tmp_path / name, folders, tmp_path / f"home-{name}", replace(plan, seed=seed))
    assert {path.name for path in (tmp_path / "one").iterdir()} == set(FILES)
    assert list_differing(tmp_path / "one", tmp_path / "two") == []
    assert list_differing(tmp_path / "one", tmp_path / "three") == list(FILES)
    training = read_packaged_model(tmp_path / "one").training
    assert [source.dataset for source in training.sources] == ["optdigits/train"]
    assert len(training.learned_files) == 1
    assert (training.figures[0].dataset, training.figures[0].digits) == ("optdigits/test", 351)
    (tmp_path / "two" / TRAINING).write_text("{}")
    assert list_differing(tmp_path / "one", tmp_path / "two") == [TRAINING]


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.title)
def test_no_source_is_tested_on_what_it_is_trained_on(source: Source) -> None:
    assert not set(source.training) & {dataset for dataset, _ in source.tests}
    assert source.licence and source.origin
