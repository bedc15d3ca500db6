"""A model version has a short reference and a full one."""

from __future__ import annotations

import os

import pytest

from lenet_pipeline.errors import RegistryError, UnknownNameError
from lenet_pipeline.registry import Registry, move_alias, resolve_version, training_run
from tests.digit_builders import separable_images, untrained_model


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    """A registry with one version of the model ``invoices``, which is the champion."""
    found = Registry(tmp_path_factory.mktemp("references"), "invoices")
    with training_run(found, "test", {}, {}) as run:
        run.register(untrained_model(), {"architecture": "lenet5"}, separable_images([1, 2]))
    move_alias(found, "champion", 1)
    return found


@pytest.mark.parametrize("reference", ["champion", "1", "invoices/1", "invoices@champion"])
def test_a_reference_finds_the_version(registry, reference):
    assert resolve_version(registry, reference).reference == "invoices/1"


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("challenger", "there is no alias 'challenger'; available: champion"),
        ("invoices@challenger", "there is no alias 'challenger'; available: champion"),
        ("2", "the model invoices has no version '2'; available: 1"),
        ("invoices/2", "the model invoices has no version '2'; available: 1"),
        ("digits/1", "there is no model 'digits'; available: invoices"),
        ("digits@champion", "there is no model 'digits'; available: invoices"),
    ],
)
def test_an_unknown_name_is_reported_with_the_known_ones(registry, reference, message):
    with pytest.raises(UnknownNameError, match=message):
        resolve_version(registry, reference)


@pytest.mark.parametrize("reference", ["", "invoices/", "@champion", "invoices@3", "Champion", "a/b/1", "1 "])
def test_a_malformed_reference_is_refused_with_examples(registry, reference):
    with pytest.raises(RegistryError, match=r"is not a model version; write champion, 3, invoices@champion"):
        resolve_version(registry, reference)


def test_each_model_has_its_own_experiment(registry):
    assert registry.experiment == "lenet-pipeline-invoices"
    assert registry.named("digits").experiment == "lenet-pipeline"


def test_a_store_leaves_no_address_in_the_environment(registry, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("MLFLOW_REGISTRY_URI", "http://mlflow.example")
    registry.client()
    assert "MLFLOW_TRACKING_URI" not in os.environ
    assert os.environ["MLFLOW_REGISTRY_URI"] == "http://mlflow.example"
