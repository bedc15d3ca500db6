"""A home that was moved or copied keeps its own artifacts: MLflow's absolute paths are updated."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from lenet_pipeline.errors import RegistryError
from lenet_pipeline.registry import relocation, training_runs
from lenet_pipeline.registry.store import Registry
from lenet_pipeline.registry.versions import list_versions, read_version
from tests.digit_builders import separable_images, untrained_model


@pytest.fixture(scope="module")
def first_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with one registered version, in a folder whose name URIs quote: never write to it."""
    home = tmp_path_factory.mktemp("first") / "a home"
    with training_runs.training_run(Registry(home), "test", {}, {}) as run:
        run.register(untrained_model(), {"architecture": "lenet5"}, separable_images([1, 2]))
    return home


def recorded_paths(home: Path) -> list[str]:
    """Return the values of the columns that hold places, those of MLflow's own experiment aside."""
    with closing(sqlite3.connect(home / "mlflow.db")) as connection:
        return sorted(
            value
            for table, column in relocation._COLUMNS
            for (value,) in connection.execute(f"select {column} from {table}")  # noqa: S608
            if value and value.startswith("file:")
        )


def all_values(home: Path) -> Iterator[str]:
    with closing(sqlite3.connect(home / "mlflow.db")) as connection:
        for (table,) in connection.execute("select name from sqlite_master where type = 'table'").fetchall():
            for row in connection.execute(f"select * from {table}"):  # noqa: S608
                yield from (value for value in row if isinstance(value, str))


def test_a_copied_home_reads_its_own_versions_and_names_its_former_place_nowhere(first_home, tmp_path):
    home = tmp_path / "new place"
    shutil.copytree(first_home, home)
    (version,) = list_versions(Registry(home))
    shutil.rmtree(home / "mlartifacts")
    with pytest.raises(RegistryError, match="cannot read the artifacts of digits/1"):
        read_version(Registry(home), version)
    shutil.copytree(first_home / "mlartifacts", home / "mlartifacts")
    assert read_version(Registry(home), version).weights_sha256
    place = (home / "mlartifacts").as_uri()
    assert len(recorded_paths(home)) == 4
    assert all(value == place or value.startswith(f"{place}/") for value in recorded_paths(home))
    assert not [
        value for value in all_values(home) if first_home.as_uri() in value or str(first_home) in value
    ]


def test_a_copy_leaves_the_original_as_it_is(first_home, tmp_path):
    before = (first_home / "mlflow.db").read_bytes()
    files = sorted(first_home.rglob("*"))
    shutil.copytree(first_home, tmp_path / "copy")
    registry = Registry(tmp_path / "copy")
    with training_runs.training_run(registry, "test", {}, {}) as run:
        run.register(untrained_model(), {"architecture": "lenet5"}, separable_images([1, 2]))
    assert [version.version for version in list_versions(registry)] == [1, 2]
    assert (first_home / "mlflow.db").read_bytes() == before
    assert sorted(first_home.rglob("*")) == files


def test_only_places_inside_the_former_folder_change(first_home, tmp_path):
    home = tmp_path / "copy"
    shutil.copytree(first_home, home)
    neighbour = f"{(first_home / 'mlartifacts').as_uri()}-of-somebody-else/run"
    with closing(sqlite3.connect(home / "mlflow.db")) as connection, connection:
        connection.execute("update runs set artifact_uri = ?", (neighbour,))
    assert relocation.relocate_artifacts(home / "mlflow.db", home / "mlartifacts")
    assert neighbour in recorded_paths(home)
    assert not relocation.relocate_artifacts(home / "mlflow.db", home / "mlartifacts")


def test_a_link_to_the_home_is_the_same_home(first_home, tmp_path):
    before = (first_home / "mlflow.db").read_bytes()
    (tmp_path / "link").symlink_to(first_home)
    assert len(list_versions(Registry(tmp_path / "link"))) == 1
    assert (first_home / "mlflow.db").read_bytes() == before


def test_a_damaged_database_is_reported_in_one_line(tmp_path):
    (tmp_path / "mlflow.db").write_text("not a database")
    with pytest.raises(RegistryError, match=r"cannot open MLflow's store .*mlflow\.db") as caught:
        list_versions(Registry(tmp_path))
    assert "\n" not in str(caught.value)
