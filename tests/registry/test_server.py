"""Versions, aliases and artifacts on a real MLflow server; clear messages when it does not answer."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from lenet_pipeline.errors import RegistryError, UnknownNameError
from lenet_pipeline.registry import (
    ModelVersion,
    Registry,
    find_champion,
    list_versions,
    move_alias,
    publish_head,
    read_published_head,
    read_version,
    resolve_version,
    training_run,
)
from tests.digit_builders import separable_images, untrained_model
from tests.mlflow_server import ADMIN, PASSWORD, free_port


def register(registry: Registry) -> ModelVersion:
    with training_run(registry, "test", {"seed": 1}, {}, "A test.") as run:
        return run.register(untrained_model(), {"architecture": "lenet5"}, separable_images([1, 2]), "About.")


@pytest.mark.slow
def test_two_homes_with_different_names_share_a_server(mlflow_server, tmp_path):
    first = Registry(tmp_path / "one", "invoices", mlflow_server)
    second = Registry(tmp_path / "two", "orders", mlflow_server)
    register(first)
    register(first)
    version = register(second)
    move_alias(first, "champion", 2)
    move_alias(second, "champion", 1)
    assert [found.version for found in list_versions(first)] == [1, 2]
    assert list_versions(second) == [resolve_version(second, "champion")]
    assert (version.reference, find_champion(first).version) == ("orders/1", 2)
    with pytest.raises(UnknownNameError, match="no model 'invoices'; available: orders"):
        resolve_version(second, "invoices/1")
    assert not list(tmp_path.rglob("mlflow.db"))
    assert not list(tmp_path.rglob("mlartifacts"))


@pytest.mark.slow
def test_a_version_is_downloaded_once_and_a_damaged_copy_again(mlflow_server, tmp_path):
    registry = Registry(tmp_path, "copies", mlflow_server)
    version = register(registry)
    expected = read_version(registry, version).weights_sha256
    (weights,) = tmp_path.rglob("weights.safetensors")
    assert weights.parent == tmp_path / "models" / "copies-1"
    first = weights.stat().st_ino
    assert read_version(registry, version).weights_sha256 == expected
    assert weights.stat().st_ino == first
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    assert read_version(registry, version).weights_sha256 == expected
    assert weights.read_bytes() != bytes(content)
    assert [path.name for path in (tmp_path / "models").iterdir()] == ["copies-1"]


@pytest.mark.slow
def test_homes_that_share_a_model_publish_their_chains_separately(mlflow_server, tmp_path):
    homes = [Registry(tmp_path / name, "shared", mlflow_server) for name in ("one", "two")]
    register(homes[0])
    assert read_published_head(homes[0]) is None
    publish_head(homes[0], "5:aa")
    assert read_published_head(homes[1]) is None
    publish_head(homes[1], "7:bb")
    assert [read_published_head(registry) for registry in homes] == ["5:aa", "7:bb"]


@pytest.mark.slow
def test_a_server_asks_for_a_password_and_the_message_says_where_to_put_it(
    guarded_server, tmp_path, monkeypatch
):
    registry = Registry(tmp_path, "guarded", guarded_server)
    for password in (None, "wrong"):
        if password:
            monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", ADMIN)
            monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", password)
        with pytest.raises(RegistryError, match=f"{guarded_server} refuses access; set MLFLOW_TRACKING_USER"):
            list_versions(registry)
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", PASSWORD)
    version = register(registry)
    assert read_version(registry, version).weights_sha256


def test_a_server_that_does_not_answer_is_named_in_one_line_within_seconds(tmp_path: Path):
    address = f"http://127.0.0.1:{free_port()}"
    started = time.monotonic()
    with pytest.raises(
        RegistryError, match=f"server {address} does not answer; .*LENET_MLFLOW_URI"
    ) as caught:
        list_versions(Registry(tmp_path, "digits", address))
    assert time.monotonic() - started < 15
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())
