"""The retrain flow and the gate: better is promoted, no better is refused, and rollback restores."""

from __future__ import annotations

import json
import re
import shutil
from datetime import UTC, datetime
from pathlib import Path

import mlflow
import numpy as np
import pyarrow as pa
import pytest

from lenet_pipeline.audit.model_versions import open_ledger
from lenet_pipeline.audit.promotion import champion_history, promote_version
from lenet_pipeline.audit.rollback import roll_back
from lenet_pipeline.errors import RegistryError, TrainingError, UnknownNameError
from lenet_pipeline.jobs import IngestJob, ScoringJob, TrainingJob, ingest, retrain, score
from lenet_pipeline.lake.appending import append_digits
from lenet_pipeline.lake.datasets import read_manifest, read_shard
from lenet_pipeline.lake.digits import images_array
from lenet_pipeline.registry.versions import find_champion, list_versions, read_version
from lenet_pipeline.schema import DIGITS, derive_digit_id
from lenet_pipeline.scoring.engine import Engine
from lenet_pipeline.settings import Settings, read_settings
from lenet_pipeline.training.training_sets import read_labelled
from lenet_pipeline.warehouse.queries import run_audit, run_select
from lenet_pipeline.warehouse.records import PromotionRecord

NOW = datetime.now(UTC)
TRAINING, TEST = "optdigits/train", "optdigits/test"


def champion(settings: Settings) -> int:
    version = find_champion(settings.registry)
    assert version is not None
    return version.version


@pytest.mark.slow
def test_the_gate_promotes_what_is_better_refuses_what_is_not_and_rollback_restores(home: Path) -> None:
    settings = read_settings(home, "tester")
    ingest(settings, IngestJob("optdigits"))
    first = retrain(read_settings(home, "anna"), TrainingJob((TRAINING,), (TEST,), epochs=1))
    score(settings, ScoringJob(TEST))
    better = retrain(read_settings(home, "ben"), TrainingJob((TRAINING,), (TEST,), epochs=15))
    score(settings, ScoringJob(TEST))
    no_better = retrain(read_settings(home, "cleo"), TrainingJob((TRAINING,), (TEST,), epochs=1))
    assert [report.decision.action for report in (first, better, no_better)] == [
        "promote",
        "promote",
        "refuse",
    ]
    assert better.decision.gate is not None
    assert better.decision.gate.p_value < 0.05
    assert no_better.decision.reason.startswith("worse than the champion on optdigits/train: ")
    assert champion(settings) == 2

    roll_back(open_ledger(settings), settings.registry, "version 2 read badly in production")
    assert champion(settings) == 1
    events = run_audit(settings.warehouse, "promotions", {}).to_pylist()
    assert [
        (event["action"], event["model_version"]) for event in events if event["action"] != "register"
    ] == [
        ("promote", 1),
        ("promote", 2),
        ("refuse", 3),
        ("rollback", 1),
    ]
    runs = run_audit(settings.warehouse, "runs", {}).to_pylist()
    assert sorted(run["model_version"] for run in runs) == [1, 2]
    with pytest.raises(RegistryError, match="no earlier champion"):
        roll_back(open_ledger(settings), settings.registry, "once more")


def test_a_person_may_promote_by_hand_but_not_twice(settings: Settings) -> None:
    with pytest.raises(RegistryError, match="is already the champion"):
        promote_version(open_ledger(settings), settings.registry, 1, "again")
    with pytest.raises(UnknownNameError, match="the model digits has no version '7'"):
        promote_version(open_ledger(settings), settings.registry, 7, "a guess")


@pytest.mark.slow
def test_a_version_that_learned_from_the_gates_digits_is_promoted_only_by_hand(settings: Settings) -> None:
    everything = retrain(settings, TrainingJob((TRAINING,), epochs=1, all_digits=True))
    assert (everything.training_digits, everything.validation_accuracy) == (1446, None)
    assert everything.decision.action == "refuse"
    assert everything.decision.reason == "version 2 also learned from the gate digits: promote by hand"
    promote_version(open_ledger(settings), settings.registry, 2, "checked on paper")
    assert champion(settings) == 2

    fair = retrain(settings, TrainingJob((TRAINING,), epochs=1))
    assert fair.decision.action == "refuse"
    assert fair.decision.reason == "version 2 also learned from the gate digits: promote by hand"
    versions = list_versions(settings.registry)
    assert [version.trained_on for version in versions] == ["train split", "all digits", "train split"]
    assert [version.effort for version in versions] == ["quick"] * 3


@pytest.mark.slow
def test_the_papers_recipe_learns_from_every_digit_and_is_promoted_only_by_hand(settings: Settings) -> None:
    report = retrain(settings, TrainingJob((TRAINING,), recipe="paper", epochs=1))
    assert (report.trained_on, report.decision.action) == ("all digits", "refuse")
    newest = read_version(settings.registry, list_versions(settings.registry)[-1])
    assert newest.model.temperature == 1.0


def turned_digits(settings: Settings) -> pa.Table:
    """Return the digits of the training set lying on their left side, as digits of their own."""
    manifest = read_manifest(settings.lake, TRAINING)
    upright = pa.concat_tables([read_shard(settings.lake, TRAINING, shard) for shard in manifest.shards])
    images = np.ascontiguousarray(np.rot90(images_array(upright), axes=(1, 2)))
    columns = {
        "image": pa.array([image.tobytes() for image in images], DIGITS.field("image").type),
        "digit_id": pa.array(
            [derive_digit_id("turned", 1, None, place).bytes for place in range(len(images))], pa.uuid()
        ),
    }
    for name, column in columns.items():
        upright = upright.set_column(DIGITS.get_field_index(name), DIGITS.field(name), column)
    return upright


@pytest.mark.slow
def test_a_challenger_must_keep_what_the_champion_learned_to_read(settings: Settings) -> None:
    turned = turned_digits(settings)
    append_digits(settings.lake, "turned/train", [turned], shard_rows=10_000, actor="tester")
    report = retrain(settings, TrainingJob(("turned/train",), epochs=15))
    assert report.validation_accuracy is not None
    assert report.validation_accuracy > 0.8
    assert report.decision.action == "refuse"
    assert report.decision.reason.startswith("worse than the champion on optdigits/train: ")
    assert champion(settings) == 1
    statement = "select datasets, trained_on, effort from model_versions order by 1"
    assert run_select(settings.warehouse, statement).to_pylist() == [
        {"datasets": dataset, "trained_on": "train split", "effort": "quick"}
        for dataset in (TRAINING, "turned/train")
    ]

    shutil.rmtree(settings.lake / TRAINING)
    gone = retrain(settings, TrainingJob(("turned/train",), epochs=1))
    assert gone.decision.action == "refuse"
    assert gone.decision.reason == (
        "the champion learned from optdigits/train, which the lake no longer has: promote by hand"
    )


def test_what_a_model_learns_from_cannot_test_it(trained: Settings) -> None:
    with pytest.raises(TrainingError, match="cannot test on optdigits/train: the model learns from it"):
        retrain(trained, TrainingJob((TRAINING,), (TRAINING,)))


def test_a_version_carries_all_that_scoring_needs(trained: Settings) -> None:
    registry = trained.registry
    version = list_versions(registry)[0]
    resolved = read_version(registry, version)
    digits = read_labelled(trained.lake, [read_manifest(trained.lake, TEST)])
    labels = Engine(resolved.model, "cpu").score(digits.images).labels
    assert (labels == digits.labels).mean() == pytest.approx(version.metrics["test_accuracy"])
    assert (version.architecture, version.recipe, version.actor) == ("lenet5", "modern", "tester")
    assert resolved.weights_sha256 != ""


def test_mlflow_loads_the_champion_and_unpickles_nothing(
    trained: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")
    trained.registry.client()
    model = mlflow.pyfunc.load_model("models:/digits@champion")
    digits = read_labelled(trained.lake, [read_manifest(trained.lake, TEST)])
    champion_model = read_version(trained.registry, list_versions(trained.registry)[0]).model
    expected = Engine(champion_model, "cpu").score(digits.images[:5])
    for rows in (1, 5):
        answer = model.predict(digits.images[:rows])
        assert list(answer.columns) == ["label", "confidence", "not_a_digit"]
        assert answer["label"].tolist() == expected.labels[:rows].tolist()
        assert answer["confidence"].to_numpy() == pytest.approx(expected.confidences[:rows], abs=1e-6)
    files = [path.suffix for path in trained.registry.artifacts.rglob("*") if path.is_file()]
    assert not {".pkl", ".pickle", ".pt", ".pth", ".bin"} & set(files)


def test_a_training_run_says_in_mlflow_what_it_did(trained: Settings) -> None:
    client = trained.registry.client()
    version = list_versions(trained.registry)[0]
    run = client.get_run(version.training_run_id)
    inputs = {(item.dataset.name, tag.value) for item in run.inputs.dataset_inputs for tag in item.tags}
    manifest = read_manifest(trained.lake, TRAINING)
    assert {(TRAINING, "train"), (TRAINING, "validation"), (TEST, "test")} <= inputs
    assert (TRAINING, manifest.fingerprint) in inputs
    assert len(client.get_metric_history(version.training_run_id, "validation_accuracy")) == 15
    assert re.fullmatch(r"lenet5-modern \d{4}-\d\d-\d\d \d\d:\d\d:\d\d", run.info.run_name)
    about = run.data.tags["mlflow.note.content"]
    assert all(words in about for words in (TRAINING, "1,274 digits to learn from", "Started by tester"))
    registered = client.get_model_version("digits", str(version.version))
    assert registered.description.startswith(about)
    assert f"- {TEST}: " in registered.description
    assert "lenet models promote" in client.get_registered_model("digits").description
    figures = {item.path for item in client.list_artifacts(version.training_run_id, "figures")}
    assert {Path(path).stem for path in figures} == {
        "learning-curves",
        "c1-filters",
        "feature-maps",
        "confusion-optdigits-test",
        "worst-mistakes-optdigits-test",
        "reliability-optdigits-test",
    }
    model = mlflow.models.get_model_info(f"models:/digits/{version.version}")
    assert model.signature.outputs.input_names() == ["label", "confidence", "not_a_digit"]
    folder = mlflow.artifacts.download_artifacts(f"models:/digits/{version.version}")
    example = json.loads((Path(folder) / "serving_input_example.json").read_text())
    assert np.asarray(example["inputs"]).shape == (3, 28, 28)


def test_unknown_architectures_recipes_and_datasets_are_named_before_training(trained: Settings) -> None:
    for arguments, message in (
        ({"architecture": "lenet6"}, "no architecture 'lenet6'; available: lenet-3x3, lenet5, lenet5-28"),
        ({"recipe": "magic"}, "no recipe 'magic'; available: keras-adam, keras-sgd, modern, modern-views"),
        ({"tests": ("nowhere/test",)}, "no dataset 'nowhere/test'"),
    ):
        with pytest.raises(UnknownNameError, match=message):
            retrain(trained, TrainingJob((TRAINING,), **arguments))


def test_training_on_nothing_says_what_to_do(home: Path) -> None:
    with pytest.raises(TrainingError, match="no dataset to train on; ingest one"):
        retrain(read_settings(home), TrainingJob())


def test_rolling_back_goes_past_a_promotion_that_was_recorded_twice() -> None:
    def event(action: str, version: int) -> PromotionRecord:
        return PromotionRecord("digits", action, "champion", version, None, "", NOW, "tester", None, None)

    assert champion_history([event("promote", 1), event("promote", 2), event("promote", 2)], "digits") == [
        1,
        2,
    ]
    events = [event("promote", 1), event("promote", 2), event("rollback", 1), event("promote", 3)]
    assert champion_history(events, "digits") == [1, 3]
