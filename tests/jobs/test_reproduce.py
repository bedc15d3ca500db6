"""What the literature reports is trained once, set beside what was published, and saved."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from lenet_pipeline.errors import TrainingError, UnknownNameError
from lenet_pipeline.jobs import IngestJob, ReproductionJob, ReproductionReport, ingest, reproduce
from lenet_pipeline.registry.versions import list_versions
from lenet_pipeline.settings import read_settings
from lenet_pipeline.system.revision import code_revision
from lenet_pipeline.training.reproduction.rows import TEST_SET, TRAINING_SET, read_trained_row
from tests.homes import Run

TANH, RELU = "lenet5-softmax+keras-sgd", "lenet5-relu+keras-sgd"

pytestmark = pytest.mark.slow  # whole jobs, several of them each


@pytest.fixture(scope="module")
def home_with_digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose mnist/train and mnist/test are the embedded digits; each test has seeds of its own."""
    home = tmp_path_factory.mktemp("reproduced") / "home"
    for dataset in (TRAINING_SET, TEST_SET):
        ingest(read_settings(home, "tester"), IngestJob("optdigits", name=dataset))
    return home


def reproduce_tanh(home: Path, seed: int) -> ReproductionReport:
    return reproduce(read_settings(home, "tester"), ReproductionJob((TANH,), quick=True, seed=seed))


def test_published_stands_beside_ours_and_nothing_is_trained_twice(
    home_with_digits: Path, lenet: Run
) -> None:
    quick = ("--quick", "--home", str(home_with_digits))
    first = lenet("reproduce", TANH, RELU, *quick)
    assert first.returncode == 0, first.stderr
    assert "--quick trains for a fifth of the published epochs" in first.stdout
    (line,) = [line for line in first.stdout.splitlines() if line.startswith(f"{TANH} ")]
    assert line.split()[1] == "96.00"
    assert "4 of 20" in line
    assert line.split()[-1] == "no"
    assert "the usual hyper-parameters of tutorials" in " ".join(first.stdout.split())
    # Whole lines only: where the report lies may be longer than any terminal is wide.
    assert max(len(line) for line in first.stdout.splitlines() if "reproduction.md" not in line) <= 80

    folder = home_with_digits / "reproduction"
    report = json.loads((folder / "quick" / "reproduction.json").read_text())
    assert [row["row"] for row in report["rows"]] == [TANH, RELU]
    assert all(len(row["accuracies_pct"]) == 4 for row in report["rows"])
    assert all(row["reason"].startswith("4 of 20 epochs (--quick)") for row in report["rows"])
    assert report["rows"][1]["difference_points"] is None
    assert report["rows"][1]["published_accuracy_pct"] is None
    markdown = (folder / "quick" / "reproduction.md").read_text()
    assert f"| {TANH} | 96.00 |" in markdown
    assert f"| {RELU} | > 96.00 |" in markdown
    assert "both rows use cross entropy here" in markdown
    assert (folder / "quick" / "learning-curves.png").read_bytes().startswith(b"\x89PNG")
    assert not list(folder.glob("reproduction.*"))  # those of a full run are another thing

    again = lenet("reproduce", TANH, *quick, "--format", "json")
    (row,) = json.loads(again.stdout)
    assert row == report["rows"][0]
    assert json.loads((folder / "quick" / "reproduction.json").read_text()) == report
    assert "1 of 1 results come from earlier runs" in lenet("reproduce", TANH, *quick).stdout


def test_a_row_is_kept_for_its_seed_and_becomes_no_version(home_with_digits: Path) -> None:
    first, again, other = (reproduce_tanh(home_with_digits, seed) for seed in (3, 3, 4))
    assert [report.trained_now for report in (first, again, other)] == [(TANH,), (), (TANH,)]
    assert again.rows == first.rows
    (trained,) = (row.trained for row in other.rows)
    assert trained.accuracies_pct != first.rows[0].trained.accuracies_pct
    folder = home_with_digits / "reproduction"
    assert [report.folder for report in (first, other)] == [
        folder / "seed-3" / "quick",
        folder / "seed-4" / "quick",
    ]
    registry = read_settings(home_with_digits).registry
    assert list_versions(registry) == []
    run = registry.client().get_run(trained.training_run_id)
    assert run.data.metrics["test_accuracy"] == pytest.approx(trained.accuracy_pct / 100)
    assert run.data.params["recipe_optimizer"] == "sgd"


def test_a_row_of_other_code_is_said_to_be_and_trained_anew_only_when_asked(
    home_with_digits: Path, lenet: Run
) -> None:
    reproduce_tanh(home_with_digits, 5)
    rows = home_with_digits / "reproduction" / "rows"
    (path,) = (path for path in rows.iterdir() if (row := read_trained_row(path)) and row.seed == 5)
    path.write_text(json.dumps({**json.loads(path.read_text()), "code_revision": "0.0.1"}))

    command = (
        "reproduce",
        TANH,
        "--quick",
        "--seed",
        "5",
        "--device",
        "cpu",
        "--home",
        str(home_with_digits),
    )
    report = home_with_digits / "reproduction" / "seed-5" / "quick" / "reproduction.md"
    note = f"rained with code revision 0.0.1, not the current {code_revision()}: {TANH}"
    assert note in " ".join(lenet(*command).stdout.split())
    assert note in report.read_text()

    assert "rained with code 0.0.1" not in lenet(*command, "--again").stdout
    assert "rained with code 0.0.1" not in report.read_text()
    again = read_trained_row(path)
    assert again
    assert again.code_revision == code_revision()
    assert again.device == "cpu"


def test_a_kept_row_without_an_epoch_counts_as_unreadable(home_with_digits: Path) -> None:
    reproduce_tanh(home_with_digits, 6)
    rows = home_with_digits / "reproduction" / "rows"
    (path,) = (path for path in rows.iterdir() if (row := read_trained_row(path)) and row.seed == 6)
    path.write_text(json.dumps({**json.loads(path.read_text()), "accuracies_pct": []}))
    assert read_trained_row(path) is None
    assert reproduce_tanh(home_with_digits, 6).trained_now == (TANH,)


def test_a_seed_larger_than_any_generator_takes_is_refused(home: Path, lenet: Run) -> None:
    refused = lenet("reproduce", "--seed", str(2**63))
    assert refused.returncode == 2
    assert "--seed" in refused.stderr
    with pytest.raises(ValidationError, match="seed"):
        ReproductionJob(seed=2**63)


def test_what_is_not_there_is_told_before_anything_is_trained(home: Path) -> None:
    with pytest.raises(UnknownNameError, match="no published row 'lenet6'"):
        reproduce(read_settings(home), ReproductionJob(("lenet6",)))
    with pytest.raises(TrainingError, match="`lenet ingest mnist` first"):
        reproduce(read_settings(home), ReproductionJob())
