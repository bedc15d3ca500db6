"""What the literature reports is trained once, set beside what was published, and saved."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flows.ingest import ingest
from flows.models import open_registry
from flows.reproduce import reproduce
from lenet_pipeline.errors import TrainingError, UnknownNameError
from lenet_pipeline.registry import list_versions
from lenet_pipeline.reproduction import TEST_SET, TRAINING_SET
from lenet_pipeline.settings import read_settings
from tests.flows.conftest import Run

TANH, RELU = "lenet5-28+keras-sgd", "lenet5-relu+keras-sgd"


@pytest.fixture(scope="module")
def home_with_digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose mnist/train and mnist/test are the embedded digits; each test has seeds of its own."""
    home = tmp_path_factory.mktemp("reproduced") / "home"
    for dataset in (TRAINING_SET, TEST_SET):
        ingest("optdigits", name=dataset, home=home)
    return home


def test_published_stands_beside_ours_and_nothing_is_trained_twice(
    home_with_digits: Path, lenet: Run
) -> None:
    quick = ("--quick", "--home", str(home_with_digits))
    first = lenet("reproduce", TANH, RELU, *quick)
    assert first.returncode == 0, first.stderr
    assert "--quick: a fifth of the published epochs" in first.stdout
    (line,) = [line for line in first.stdout.splitlines() if line.startswith(f"{TANH} ")]
    assert line.split()[1] == "96.00"
    assert "4 of 20" in line
    # Whole lines only: where the report lies may be longer than any terminal is wide.
    assert max(len(line) for line in first.stdout.splitlines() if "reproduction.md" not in line) <= 80

    folder = home_with_digits / "reproduction"
    report = json.loads((folder / "quick" / "reproduction.json").read_text())
    assert [row["row"] for row in report["rows"]] == [TANH, RELU]
    assert all(len(row["accuracies_pct"]) == 4 for row in report["rows"])
    assert all(row["reason"].startswith("4 of 20 epochs (--quick)") for row in report["rows"])
    assert "| lenet5-28+keras-sgd | 96.00 |" in (folder / "quick" / "reproduction.md").read_text()
    assert (folder / "quick" / "learning-curves.png").read_bytes().startswith(b"\x89PNG")
    assert not list(folder.glob("reproduction.*"))  # those of a full run are another thing

    again = lenet("reproduce", TANH, *quick, "--format", "json")
    (row,) = json.loads(again.stdout)
    assert row == report["rows"][0]
    assert json.loads((folder / "quick" / "reproduction.json").read_text()) == report
    assert "1 of 1 rows were trained before" in lenet("reproduce", TANH, *quick).stdout


def test_a_row_is_kept_for_its_seed_and_becomes_no_version(home_with_digits: Path) -> None:
    first, again, other = (
        reproduce([TANH], quick=True, seed=seed, home=home_with_digits) for seed in (3, 3, 4)
    )
    assert [report.trained_now for report in (first, again, other)] == [(TANH,), (), (TANH,)]
    assert again.rows == first.rows
    (trained,) = (row.trained for row in other.rows)
    assert trained.accuracies_pct != first.rows[0].trained.accuracies_pct
    registry = open_registry(read_settings(home_with_digits))
    assert list_versions(registry) == []
    run = registry.client().get_run(trained.training_run_id)
    assert run.data.metrics["test_accuracy"] == pytest.approx(trained.accuracy_pct / 100)
    assert run.data.params["recipe_optimizer"] == "sgd"


def test_what_is_not_there_is_told_before_anything_is_trained(home: Path) -> None:
    with pytest.raises(UnknownNameError, match="no published row 'lenet6'"):
        reproduce(["lenet6"], home=home)
    with pytest.raises(TrainingError, match="`lenet ingest mnist` first"):
        reproduce(home=home)
