"""The packaged model: adopted once, champion of an empty home only, and a rival at the gate."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lenet_pipeline.audit import adopt_packaged_model, find_or_adopt_champion, open_ledger, roll_back
from lenet_pipeline.errors import RegistryError, UnknownNameError
from lenet_pipeline.jobs import IngestJob, ScoringJob, TrainingJob, check, ingest, retrain, score
from lenet_pipeline.jobs.scheduling.night import score_new_digits
from lenet_pipeline.registry import list_versions, read_packaged_model, read_version
from lenet_pipeline.registry.model_files import files_sha256
from lenet_pipeline.registry.packaged_model import PACKAGED_FOLDER, register_packaged_model
from lenet_pipeline.settings import Settings, read_settings
from lenet_pipeline.system import Observer
from lenet_pipeline.warehouse import list_promotions, run_audit
from tests.conftest import CHECKOUT
from tests.homes import Run

pytestmark = pytest.mark.slow

TEMPLATES = CHECKOUT / "examples" / "templates"
TRAINING, TEST = "optdigits/train", "optdigits/test"


class Listener(Observer):
    """Keeps the warnings of a job."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warn(self, message: str) -> None:
        self.warnings.append(message)


@pytest.fixture(scope="session")
def untrained(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A home with the embedded digits and no model version: read it, never write."""
    settings = read_settings(tmp_path_factory.mktemp("untrained") / "home", "tester")
    ingest(settings, IngestJob("optdigits"))
    return settings


@pytest.fixture
def empty(untrained: Settings, home: Path) -> Settings:
    """A home with the embedded digits and no model version, which a test may change."""
    shutil.copytree(untrained.home, home)
    return read_settings(home, "tester")


def events(settings: Settings) -> list[tuple[str, int, str]]:
    return [
        (event.action, event.model_version, event.reason) for event in list_promotions(settings.warehouse)
    ]


def aliases(settings: Settings) -> Mapping[int, tuple[str, ...]]:
    return {version.version: version.aliases for version in list_versions(settings.registry)}


def broken(settings: Settings) -> list[str]:
    return [item.query.name for item in check(settings) if len(item.violations)]


def test_the_first_scoring_in_an_empty_home_adopts_the_packaged_model_and_says_so_once(
    empty: Settings,
) -> None:
    listener = Listener()
    report = score(empty, ScoringJob(TEST), listener)
    assert listener.warnings == [
        "no model version yet: using the packaged model, digits/1 (see `lenet models show 1`)"
    ]
    assert (report.model, report.digits_scored) == ("digits/1", report.digits)
    assert aliases(empty) == {1: ("challenger", "champion")}
    release = read_packaged_model().training.release
    assert events(empty) == [
        ("register", 1, f"packaged in release {release}"),
        ("promote", 1, "packaged; no champion yet"),
    ]
    assert broken(empty) == []

    again = score(empty, ScoringJob(TEST), listener)
    adoption = adopt_packaged_model(empty)
    assert (again.digits_scored, len(listener.warnings)) == (0, 1)
    assert (adoption.is_new, adoption.record, adoption.version.version) == (False, None, 1)
    assert len(events(empty)) == 2


def test_an_adopted_version_has_the_bytes_and_the_figures_of_the_package(empty: Settings) -> None:
    packaged = read_packaged_model()
    version = adopt_packaged_model(empty).version
    assert version.is_packaged
    assert version.files_sha256 == files_sha256(PACKAGED_FOLDER)
    assert read_version(empty.registry, version).training == packaged.training
    first = packaged.training.figures[0]
    assert version.metrics[f"{first.dataset}/accuracy"] == pytest.approx(first.correct / first.digits)
    (row,) = run_audit(empty.warehouse, "model_versions", {}).to_pylist()
    assert row["recipe"] == "packaged"
    assert row["datasets"] == ", ".join(source.dataset for source in packaged.training.sources)
    assert row["test_accuracy"] == pytest.approx(version.metrics["test_accuracy"])
    run = empty.registry.client().list_artifacts(version.training_run_id)
    assert "MODEL_CARD.md" in [item.path for item in run]


def test_a_version_that_is_named_is_never_replaced_by_the_packaged_model(empty: Settings) -> None:
    with pytest.raises(RegistryError, match=r"digits has no version yet; .* `lenet models adopt`"):
        score(empty, ScoringJob(TEST, "1"))
    with pytest.raises(RegistryError, match="digits has no version yet"):
        score(empty, ScoringJob(TEST, "challenger"))
    assert list_versions(empty.registry) == []


def test_a_home_with_versions_but_no_champion_is_left_to_a_person(settings: Settings) -> None:
    settings.registry.client().delete_registered_model_alias("digits", "champion")
    with pytest.raises(UnknownNameError, match="alias 'champion'"):
        score(settings, ScoringJob(TEST))
    assert find_or_adopt_champion(settings) is None
    adoption = adopt_packaged_model(settings)
    assert (adoption.is_new, adoption.champion, adoption.record) == (True, None, None)


def test_beside_a_champion_the_packaged_model_is_only_the_challenger(settings: Settings) -> None:
    adoption = adopt_packaged_model(settings)
    assert (adoption.is_new, adoption.record) == (True, None)
    assert aliases(settings) == {1: ("champion",), 2: ("challenger",)}
    retrain(settings, TrainingJob((TRAINING,), epochs=1))
    assert adopt_packaged_model(settings).is_new is False
    assert aliases(settings)[3] == ("challenger",)
    assert broken(settings) == []


def test_an_adoption_that_was_interrupted_is_finished_by_the_next_scoring(empty: Settings) -> None:
    register_packaged_model(empty.registry, read_packaged_model(), "tester")
    listener = Listener()
    assert score(empty, ScoringJob(TEST), listener).model == "digits/1"
    assert len(listener.warnings) == 1
    assert aliases(empty) == {1: ("challenger", "champion")}
    assert broken(empty) == []


@pytest.mark.slow
def test_two_commands_that_are_the_first_of_a_home_adopt_the_packaged_model_once(
    empty: Settings, lenet_process: Run
) -> None:
    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(lambda dataset: lenet_process("score", dataset), (TRAINING, TEST)))
    assert [each.returncode for each in done] == [0, 0], done
    assert sorted(bool(each.stderr) for each in done) == [False, True]
    assert aliases(empty) == {1: ("challenger", "champion")}
    assert broken(empty) == []


def test_a_later_version_competes_with_the_packaged_one_on_its_own_gate_digits(empty: Settings) -> None:
    adopt_packaged_model(empty)
    report = retrain(empty, TrainingJob((TRAINING,), epochs=15))
    gate = report.decision.gate
    assert gate is not None
    assert gate.gate_digits == report.gate_digits  # the lake has nothing that the packaged model learned from
    assert report.decision.former_version == 1
    assert gate.challenger_right > 0
    if report.decision.action == "promote":  # that depends on the packaged weights
        assert roll_back(open_ledger(empty), empty.registry, "test").record.model_version == 1
    assert broken(empty) == []


def test_a_policy_of_the_packaged_model_rests_on_digits_that_are_named(lenet: Run) -> None:
    lenet("ingest", "optdigits", "--name", "mine/all")
    lenet("models", "adopt")
    refused = lenet("policy", "set", "--max-error", "0.2")
    assert refused.returncode == 1
    assert "the lake has no dataset that digits/1 learned from; name labelled digits with --on DATASET" in (
        " ".join(refused.stderr.split())
    )
    done = lenet("policy", "set", "--max-error", "0.2", "--on", "mine/all")
    assert done.returncode == 0, done.stderr
    learned = any(source.dataset == TRAINING for source in read_packaged_model().training.sources)
    # If it learned the train split of optdigits: its test set, and the gate digits of its train split
    assert f"evidence: {351 + 85 if learned else 1_797:,} digits, mine/all" in done.stdout


@pytest.mark.mnist
def test_a_policy_never_rests_on_digits_that_the_packaged_model_learned_from_under_another_name(
    home: Path, lenet: Run, mnist_root: Path
) -> None:
    lenet("ingest", "mnist", "--root", str(mnist_root), "--name", "mine/all")
    lenet("models", "adopt")
    done = lenet("policy", "set", "--max-error", "0.2", "--on", "mine/all", "--dry-run")
    assert done.returncode == 0, done.stderr
    # MNIST's test set, and the gate digits of its training set
    assert "evidence: 13,001 digits, mine/all" in done.stdout


def test_a_night_adopts_the_packaged_model_only_if_there_is_something_to_score(
    empty: Settings, tmp_path: Path
) -> None:
    nothing = read_settings(tmp_path / "nothing", "tester")
    listener = Listener()
    assert score_new_digits(listener, nothing) == ()
    assert (listener.warnings, list_versions(nothing.registry)) == ([], [])
    learned = {source.dataset for source in read_packaged_model().training.sources}
    assert {report.dataset for report in score_new_digits(listener, empty)} == {TRAINING, TEST} - learned
    assert len(listener.warnings) == 1


def test_adopting_says_which_version_is_champion(lenet: Run, home: Path) -> None:
    listed = lenet("models")
    assert "use the packaged one with `lenet models adopt`" in listed.stdout
    first = lenet("models", "adopt")
    assert first.returncode == 0, first.stderr
    assert first.stdout.startswith("digits/1: the packaged model, ")
    assert "champion is now digits/1: packaged; no champion yet" in first.stdout
    assert lenet("models", "adopt").stdout == "digits/1: the packaged model was adopted before\n"
    (row,) = json.loads(lenet("models", "adopt", "--format", "json").stdout)
    assert row == {
        "model_version": "digits/1",
        "is_new": False,
        "is_promoted": False,
        "champion": "digits/1",
    }
    shown = lenet("models", "show", "champion")
    assert shown.returncode == 0, shown.stderr
    assert "packaged with the release" in shown.stdout
    assert all(len(line) <= 80 for line in (first.stdout + shown.stdout).splitlines())
    (record,) = json.loads(lenet("models", "show", "1", "--format", "json").stdout)
    assert record["is_packaged"] is True
    assert {test["dataset"] for test in record["tests"]} == {
        figures.dataset for figures in read_packaged_model().training.figures
    }


@pytest.mark.parametrize(
    ("documents", "template", "numbers"),
    [
        ("answer-sheets", "answer-sheet", ["0188877", "0203959", "0204729"]),
        ("exam-booklets/test-auto-parse-scan-success.pdf", "exam-booklet", ["0123456789"]),
    ],
)
def test_an_empty_home_reads_real_forms_without_a_training_set(
    lenet: Run, forms_root: Path, documents: str, template: str, numbers: list[str]
) -> None:
    references = forms_root / Path(documents).parts[0]
    read = lenet(
        *("ingest", "forms", str(forms_root / documents), "--references", str(references)),
        *("--template", str(TEMPLATES / f"{template}.yaml"), "--name", "forms/all"),
    )
    assert read.returncode == 0, read.stderr
    scored = lenet("score", "forms/all")
    assert scored.returncode == 0, scored.stderr
    assert scored.stderr.count("no model version yet: using the packaged model, digits/1 ") == 1
    assert "digits scored with digits/1" in scored.stdout
    answer = lenet("audit", "document_values", "--param", f"document={forms_root}", "--format", "json")
    values = [row["value"] for row in json.loads(answer.stdout) if row["field"] == "student_number"]
    assert [value for value in values if value is not None] == numbers
    assert lenet("check").returncode == 0
