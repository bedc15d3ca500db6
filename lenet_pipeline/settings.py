"""Settings, immutable once read: from the command line, then LENET_* variables, then the defaults below."""

from __future__ import annotations

import getpass
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

import platformdirs
from pydantic import (
    AfterValidator,
    AliasChoices,
    BeforeValidator,
    Field,
    InstanceOf,
    SecretStr,
    ValidationError,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from lenet_pipeline.errors import SettingsError, StorageError
from lenet_pipeline.lake import Place, mask_url, open_place
from lenet_pipeline.schema import ROW_GROUP_ROWS

if TYPE_CHECKING:
    from lenet_pipeline.forms import PageLimits
    from lenet_pipeline.registry import Registry
    from lenet_pipeline.warehouse import Warehouse


# MLflow's own variable names the server too, if ours is not set.
_SERVER, _MLFLOWS_SERVER = "LENET_MLFLOW_URI", "MLFLOW_TRACKING_URI"


def system_user() -> str:
    """Return the name of the user who runs this process, or ``uid-N`` if the user has no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid-{os.getuid()}"


def _absolute(path: Path) -> Path:
    return path.expanduser().absolute()


def _place(where: Any) -> Any:
    try:
        return open_place(where) if isinstance(where, str | Path) else where
    except StorageError as exc:
        raise ValueError(str(exc)) from exc


def _server(uri: str) -> str:
    """Check the address of an MLflow server, without connecting to it."""
    parts = urlsplit(uri)
    if parts.username or parts.password:
        raise ValueError(
            "the address must not hold a user name or password; set MLFLOW_TRACKING_USERNAME and "
            "MLFLOW_TRACKING_PASSWORD instead"
        )
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("expected the address of an MLflow server, such as http://HOST:5000")
    return uri.rstrip("/")


def _without_slash(url: str) -> str:
    return url.rstrip("/")


AbsolutePath = Annotated[Path, AfterValidator(_absolute)]
PlaceOrUrl = Annotated[InstanceOf[Place], BeforeValidator(_place), NoDecode]


class Settings(BaseSettings):
    """The folders of a pipeline, the actor who runs it, and its limits."""

    model_config = SettingsConfigDict(env_prefix="LENET_", env_ignore_empty=True, frozen=True, extra="forbid")

    home: AbsolutePath = Field(
        default_factory=lambda: platformdirs.user_data_path("lenet-pipeline"),
        description="folder that holds all data of this pipeline",
    )
    # Several machines can share these two. Each is a folder, or a URL such as s3://bucket/prefix.
    lake: PlaceOrUrl = Field(
        default_factory=lambda given: open_place(given["home"] / "lake"),
        description="folder or URL of the datasets",
    )
    predictions: PlaceOrUrl = Field(
        default_factory=lambda given: open_place(given["home"] / "predictions"),
        description="folder or URL of the staged predictions",
    )
    actor: str = Field(
        default_factory=system_user,
        min_length=1,
        description="who runs the command, recorded with every action",
    )

    model: str = Field(
        "digits",
        pattern=r"^[a-z0-9][a-z0-9_-]*$",
        description="name of the registered model; homes that share an MLflow server have different names",
    )
    mlflow_uri: Annotated[str, AfterValidator(_server)] | None = Field(
        None,
        validation_alias=AliasChoices(_SERVER, _MLFLOWS_SERVER),
        description="address of an MLflow server, also from `MLFLOW_TRACKING_URI`; otherwise the home keeps "
        "runs and versions itself",
    )

    shard_rows: int = Field(ROW_GROUP_ROWS, ge=1, description="maximum digits in one Parquet shard")
    image_max_pixels: int = Field(50_000_000, ge=1, description="maximum size of an image, in pixels")
    image_max_bytes: int = Field(100_000_000, ge=1, description="maximum size of an image file, in bytes")
    form_max_pages: int = Field(5_000, ge=1, description="maximum pages in one document")
    reject_limit_pct: float = Field(
        50.0, ge=0, le=100, description="share of rejects above which an ingest fails, in percent"
    )
    database_wait_s: float = Field(60.0, ge=0, description="how long to wait for a busy database, in seconds")
    snapshot_minutes: float = Field(
        10.0,
        ge=0,
        description="age at which a scoring run renews the readers' database copy, in minutes",
    )
    promotion_alpha: float = Field(0.05, gt=0, lt=1, description="a challenger needs a p-value below this")
    drift_from: float = Field(0.1, gt=0, description="population stability index that raises an alarm")

    base_url: Annotated[str, AfterValidator(_without_slash)] | None = Field(
        None, description="address of the review pages, for links in Prefect's pages"
    )
    notify_webhook: SecretStr | None = Field(
        None, description="webhook for the notifications of Prefect's automations, such as one of Slack"
    )
    notify_email: SecretStr | None = Field(
        None,
        description="e-mail for the notifications, as an Apprise URL: "
        "`mailtos://USER:PASSWORD@smtp.example.com?from=lenet@example.com&to=anna@example.com`",
    )

    inbox_cron: str = Field("* * * * *", description="when `lenet serve` polls the inboxes, in UTC")
    night_cron: str = Field("0 2 * * *", description="when `lenet serve` does a night's work, in UTC")
    check_cron: str = Field("0 6 * * *", description="when `lenet serve` runs the checks, in UTC")

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
    def page_limits(self) -> PageLimits:
        """The limits on scanned documents."""
        from lenet_pipeline.forms import PageLimits

        return PageLimits(self.image_max_bytes, self.image_max_pixels, self.form_max_pages)

    @property
    def warehouse(self) -> Warehouse:
        """The audit database and how long to wait for it."""
        from lenet_pipeline.warehouse import Warehouse  # imports DuckDB

        return Warehouse(self.home / "audit.duckdb", self.database_wait_s)

    @property
    def registry(self) -> Registry:
        """The model registry."""
        from lenet_pipeline.registry import Registry

        return Registry(self.home, self.model, self.mlflow_uri)


def read_settings(home: Path | None = None, actor: str | None = None) -> Settings:
    """Read the settings. Paths become absolute.

    Args:
        home: the folder from ``--home``, which overrides ``LENET_HOME``; None if the flag is absent.
        actor: the name from ``--actor``, which overrides ``LENET_ACTOR``; None if the flag is absent.

    Raises:
        SettingsError: a LENET_* variable has an invalid value.
    """
    given = {name: value for name, value in (("home", home), ("actor", actor)) if value is not None}
    try:
        return Settings(**given)  # type: ignore[arg-type]  # each value has the type of its field
    except ValidationError as exc:
        first = exc.errors()[0]
        name = "_".join(str(part) for part in first["loc"]).upper()
        name = name if name.startswith("LENET_") else f"LENET_{name}"
        if name == _SERVER and not os.environ.get(_SERVER):
            name = _MLFLOWS_SERVER
        value = mask_url(first["input"]) if isinstance(first["input"], str) else first["input"]
        raise SettingsError(f"{name} is {value!r}: {first['msg']}; correct or unset it") from exc
