"""``lenet models show`` and ``lenet architectures show``."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from PIL import Image

from lenet_pipeline.registry.versions import list_versions
from lenet_pipeline.settings import Settings
from tests.homes import Run

FIGURES = {
    "learning-curves.png",
    "c1-filters.png",
    "feature-maps.png",
    "confusion-optdigits-test.png",
    "worst-mistakes-optdigits-test.png",
    "reliability-optdigits-test.png",
}


def test_an_architecture_is_shown_layer_by_layer_with_its_totals(lenet: Run) -> None:
    shown = lenet("architectures", "show", "lenet5")
    lines = [line.split() for line in shown.stdout.splitlines()]
    assert lines[1][0] == "C1"
    assert lines[1][-3:] == ["6@28x28", "156", "122,304"]
    assert lines[-1] == ["total", "-", "-", "60,000", "340,908"]
    rows = json.loads(lenet("architectures", "show", "lenet5", "--format", "json").stdout)
    assert rows[1] == {
        "layer": "S2",
        "what": "2x2 subsampling, trainable",
        "output": "6@14x14",
        "parameters": 12,
        "connections": 5880,
    }


def test_an_unknown_architecture_is_one_line_and_the_list_is_as_ever(lenet: Run) -> None:
    result = lenet("architectures", "show", "lenet6")
    assert result.returncode == 1
    assert result.stderr.startswith("error: there is no architecture 'lenet6'; available: lenet-3x3, lenet5")
    rows = json.loads(lenet("architectures", "--format", "json").stdout)
    assert {"lenet5": 60_000, "lenet-3x3": 53_558}.items() <= {
        row["architecture"]: row["parameters"] for row in rows
    }.items()


def test_a_version_is_shown_in_80_columns_with_its_figures(
    lenet: Run, trained: Settings, tmp_path: Path
) -> None:
    folder = tmp_path / "figures"
    shown = lenet("models", "show", "1", "--home", str(trained.home), "--output", str(folder))
    assert (shown.returncode, shown.stderr) == (0, "")
    *lines, last = shown.stdout.splitlines()
    assert last == f"6 figures written to {folder}"
    assert max(map(len, lines)) <= 80
    version = list_versions(trained.registry)[0]
    for text in (
        "digits/1",
        "champion",
        version.training_fingerprint,
        version.code_revision,
        "tester",
        "optdigits/test",
        "recipe_learning_rate",
        "no champion yet",
    ):
        assert text in shown.stdout
    assert {path.name for path in folder.iterdir()} == FIGURES
    for path in folder.iterdir():
        with Image.open(path) as image:
            assert min(image.size) > 100


def test_a_version_is_one_record_however_it_is_named(lenet: Run, settings: Settings) -> None:
    records = [
        json.loads(lenet("models", "show", reference, "--format", "json").stdout)
        for reference in ("1", "digits/1", "champion", "digits@champion")
    ]
    assert all(record == records[0] for record in records)
    ((record,), *_) = records
    assert (record["model_version"], record["architecture"], record["recipe"]) == (
        "digits/1",
        "lenet5",
        "modern",
    )
    assert record["aliases"] == ["challenger", "champion"]
    assert record["temperature"] > 0
    assert record["parameters"]["epochs"] == "15"
    (test,) = record["tests"]
    assert test["dataset"] == "optdigits/test"
    assert test["correct"] / test["digits"] == pytest.approx(test["accuracy"])
    assert [event["action"] for event in record["promotions"]] == ["register", "promote"]
    assert {Path(figure).name for figure in record["figures"]} == FIGURES
    assert {Path(figure).parent for figure in record["figures"]} == {settings.plots / "digits-1"}


def test_a_version_whose_run_was_deleted_for_good_is_still_shown(lenet: Run, settings: Settings) -> None:
    with closing(sqlite3.connect(settings.registry.database)) as store, store:
        store.execute("delete from runs")
    shown = lenet("models", "show", "1")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "digits/1" in shown.stdout
    assert shown.stdout.splitlines()[-1].startswith("no figures: the training run")


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("7", "the model digits has no version '7'; available: 1"),
        ("digits/7", "the model digits has no version '7'; available: 1"),
        ("crown", "there is no alias 'crown'; available: challenger, champion"),
        ("letters/1", "there is no model 'letters'; available: digits"),
        ("digits:1", "is not a model version; write champion, 3, digits@champion or digits/3"),
    ],
)
def test_an_unknown_version_is_one_line(lenet: Run, settings: Settings, reference: str, message: str) -> None:
    result = lenet("models", "show", reference)
    assert result.returncode == 1
    assert message in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_a_folder_that_cannot_be_made_is_one_line(lenet: Run, settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = lenet("models", "show", "1", "--output", str(tmp_path / "file" / "figures"))
    assert result.returncode == 1
    assert f"cannot write figures to {tmp_path / 'file' / 'figures'}" in result.stderr


def test_a_home_without_a_version_says_how_to_make_one(lenet: Run) -> None:
    result = lenet("models", "show", "champion")
    assert result.returncode == 1
    assert "train one with `lenet train DATASET`" in result.stderr
