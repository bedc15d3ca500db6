"""Settings come from the flag, then the LENET_ variable, then the default."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from lenet_pipeline.errors import SettingsError
from lenet_pipeline.settings import read_settings


@pytest.fixture(autouse=True)
def no_variables(monkeypatch):
    for name in [name for name in os.environ if name.startswith(("LENET_", "MLFLOW_TRACKING_"))]:
        monkeypatch.delenv(name)


def test_a_flag_beats_the_variable_and_the_variable_beats_the_default(monkeypatch, tmp_path):
    default = read_settings()
    monkeypatch.setenv("LENET_HOME", str(tmp_path / "variable"))
    monkeypatch.setenv("LENET_ACTOR", "from-variable")
    variable = read_settings()
    flag = read_settings(home=tmp_path / "flag", actor="from-flag")
    assert (variable.home, variable.actor) == (tmp_path / "variable", "from-variable")
    assert (flag.home, flag.actor) == (tmp_path / "flag", "from-flag")
    assert default.home not in (variable.home, flag.home)
    assert default.actor


def test_every_setting_has_its_variable(monkeypatch):
    monkeypatch.setenv("LENET_SHARD_ROWS", "12")
    monkeypatch.setenv("LENET_NIGHT_CRON", "5 5 * * *")
    settings = read_settings()
    assert (settings.shard_rows, settings.night_cron) == (12, "5 5 * * *")


def test_the_default_home_does_not_depend_on_the_working_directory(monkeypatch, tmp_path):
    before = read_settings().home
    monkeypatch.chdir(tmp_path)
    assert read_settings().home == before
    assert before.is_absolute()


def test_a_home_is_made_absolute_when_it_is_read(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "me"))
    assert read_settings(home=Path("here")).home == tmp_path / "here"
    assert read_settings(home=Path("~/there")).home == tmp_path / "me" / "there"


def test_an_empty_variable_counts_as_unset(monkeypatch):
    default = read_settings()
    monkeypatch.setenv("LENET_HOME", "")
    monkeypatch.setenv("LENET_ACTOR", "")
    assert read_settings() == default


def test_unknown_variables_are_ignored(monkeypatch):
    monkeypatch.setenv("LENET_SOMETHING_ELSE", "1")
    read_settings()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LENET_SHARD_ROWS", "many"),
        ("LENET_SHARD_ROWS", "0"),
        ("LENET_DATABASE_WAIT_S", "-1"),
        ("LENET_PROMOTION_ALPHA", "1"),
        ("LENET_REJECT_LIMIT_PCT", "101"),
        ("LENET_MODEL", "Digits"),
        ("LENET_MODEL", "digits@champion"),
        ("LENET_MLFLOW_URI", "sqlite:////srv/mlflow.db"),
        ("MLFLOW_TRACKING_URI", "databricks"),
    ],
)
def test_a_malformed_variable_is_named_in_one_line_with_its_value(monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        read_settings()
    message = str(caught.value)
    assert message.startswith(f"{name} is {value!r}: ")
    assert "\n" not in message
    assert caught.value.exit_code == 1


def test_settings_cannot_be_changed_once_read():
    with pytest.raises(ValidationError, match="frozen"):
        read_settings().actor = "someone else"  # type: ignore[misc]


def test_all_places_are_under_the_home(tmp_path):
    settings = read_settings(home=tmp_path)
    places = [
        settings.lake,
        settings.predictions,
        settings.rejects,
        settings.downloads,
        settings.warehouse.path,
        settings.registry.database,
        settings.registry.artifacts,
    ]
    assert {Path(place).parent for place in places} == {tmp_path}
    assert len(set(places)) == len(places)
    assert list(tmp_path.iterdir()) == []  # reading settings makes nothing


def test_a_server_comes_from_our_variable_then_from_mlflows(monkeypatch, tmp_path):
    assert read_settings().mlflow_uri is None
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://mlflow.example:5000/")
    assert read_settings().mlflow_uri == "http://mlflow.example:5000"
    monkeypatch.setenv("LENET_MLFLOW_URI", "https://other.example/mlflow")
    monkeypatch.setenv("LENET_MODEL", "invoices")
    registry = read_settings(tmp_path).registry
    assert (registry.uri, registry.model_name) == ("https://other.example/mlflow", "invoices")
    assert not registry.is_new


def test_the_slash_at_the_end_of_the_base_url_is_dropped(monkeypatch, tmp_path):
    monkeypatch.setenv("LENET_BASE_URL", "https://review.example/")
    assert read_settings(tmp_path).base_url == "https://review.example"


@pytest.mark.parametrize("variable", ["LENET_MLFLOW_URI", "MLFLOW_TRACKING_URI"])
def test_a_password_in_the_address_of_a_server_is_refused_and_never_printed(monkeypatch, variable):
    monkeypatch.setenv(variable, "https://me:s3cret@mlflow.example")
    with pytest.raises(SettingsError, match=f"{variable} .*MLFLOW_TRACKING_PASSWORD") as caught:
        read_settings()
    assert "s3cret" not in str(caught.value)
