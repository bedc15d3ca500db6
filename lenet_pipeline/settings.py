"""The one frozen settings object: from a command's flags, then LENET_* variables, then these defaults."""

from __future__ import annotations

import getpass
import os
from pathlib import Path

import platformdirs
from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from lenet_pipeline.errors import SettingsError


def system_user() -> str:
    """Return the name of the user who runs this process, or its number where it has no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid-{os.getuid()}"


class Settings(BaseSettings):
    """Where a pipeline lives, who runs it, and the limits it keeps."""

    model_config = SettingsConfigDict(env_prefix="LENET_", env_ignore_empty=True, frozen=True, extra="forbid")

    home: Path = Field(
        default_factory=lambda: platformdirs.user_data_path("lenet-pipeline"),
        description="folder that holds everything this pipeline owns",
    )
    actor: str = Field(default_factory=system_user, min_length=1, description="who runs this")

    shard_rows: int = Field(122_880, ge=1, description="most digits in one Parquet shard")
    image_max_pixels: int = Field(50_000_000, ge=1, description="largest image that is decoded, pixels")
    image_max_bytes: int = Field(100_000_000, ge=1, description="largest image file that is opened, bytes")
    form_max_pages: int = Field(5_000, ge=1, description="most pages of one document that are read")
    reject_limit_pct: float = Field(50.0, ge=0, le=100, description="rejects past which an ingest fails")
    database_wait_s: float = Field(60.0, ge=0, description="how long to wait for a busy database, seconds")
    promotion_alpha: float = Field(0.05, gt=0, lt=1, description="p-value a challenger must stay below")

    retrain_cron: str = Field("0 3 * * 0", description="when `lenet serve` retrains (UTC)")
    score_cron: str = Field("0 2 * * *", description="when `lenet serve` scores (UTC)")
    check_cron: str = Field("0 6 * * *", description="when `lenet serve` checks (UTC)")

    @property
    def lake(self) -> Path:
        return self.home / "lake"

    @property
    def predictions(self) -> Path:
        return self.home / "predictions"

    @property
    def rejects(self) -> Path:
        return self.home / "rejects"

    @property
    def plots(self) -> Path:
        return self.home / "plots"

    @property
    def downloads(self) -> Path:
        return self.home / "downloads"

    @property
    def database(self) -> Path:
        return self.home / "audit.duckdb"

    @property
    def mlflow_database(self) -> Path:
        return self.home / "mlflow.db"

    @property
    def mlflow_artifacts(self) -> Path:
        return self.home / "mlartifacts"


def read_settings(home: Path | None = None, actor: str | None = None) -> Settings:
    """Read the settings, with what a command's flags gave taking precedence; ``home`` becomes absolute.

    Raises:
        SettingsError: a LENET_* variable has a value that its setting cannot take.
    """
    given = {name: value for name, value in (("home", home), ("actor", actor)) if value is not None}
    try:
        settings = Settings(**given)  # type: ignore[arg-type]  # each key is a field of its own type
    except ValidationError as exc:
        first = exc.errors()[0]
        name = "LENET_" + "_".join(str(part) for part in first["loc"]).upper()
        raise SettingsError(f"{name} is {first['input']!r}: {first['msg']}; correct or unset it") from exc
    return settings.model_copy(update={"home": settings.home.expanduser().absolute()})
