"""Moved homes: MLflow stores absolute paths, so update them when a home has moved or was copied."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import unquote, urlsplit

from sqlalchemy.exc import OperationalError

# Every column of MLflow's database that holds the place of an artifact.
_COLUMNS = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
    ("logged_models", "artifact_location"),
)
_WAIT_S = 30.0


def relocate_artifacts(database: Path, artifacts: Path) -> bool:
    """Update the paths in a home's MLflow database if its artifacts are no longer where it says.

    Only paths under the former folder of artifacts change, in one transaction. Nothing changes if the
    recorded folder is the same folder under another name, such as a link.

    Args:
        database: MLflow's SQLite file; it may be missing.
        artifacts: the folder that holds the home's artifacts now.

    Returns:
        Whether a path changed.

    Raises:
        OperationalError: the database cannot be read or written.
    """
    if not database.exists():
        return False
    try:
        with closing(sqlite3.connect(database, timeout=_WAIT_S, isolation_level=None)) as connection:
            columns = _existing_columns(connection)
            former = _find_former(connection, artifacts) if columns else []
            if not former:
                return False
            connection.execute("begin immediate")
            for place in former:
                for table, column in columns:
                    _move(connection, table, column, place, artifacts.as_uri())
            connection.execute("commit")
    except sqlite3.Error as exc:
        raise OperationalError(f"update the paths in {database}", {}, exc) from exc
    return True


def _existing_columns(connection: sqlite3.Connection) -> list[tuple[str, str]]:
    """Return the columns to update that this version of MLflow's database has."""
    return [
        (table, column)
        for table, column in _COLUMNS
        if column in {row[1] for row in connection.execute(f"pragma table_info({table})")}
    ]


def _find_former(connection: sqlite3.Connection, artifacts: Path) -> list[str]:
    """Return the recorded folders of artifacts that are not this home's."""
    found = connection.execute(
        "select distinct artifact_location from experiments where name like 'lenet-pipeline%'"
    )
    recorded = [place.rstrip("/") for (place,) in found if place and place.startswith("file:")]
    return [place for place in recorded if place != artifacts.as_uri() and not _is_same(place, artifacts)]


def _is_same(place: str, artifacts: Path) -> bool:
    """Return whether a recorded place is this folder under another name."""
    recorded = Path(unquote(urlsplit(place).path))
    return recorded.exists() and artifacts.exists() and recorded.samefile(artifacts)


def _move(connection: sqlite3.Connection, table: str, column: str, former: str, place: str) -> None:
    """Replace the beginning of each value that is ``former`` or a path in it."""
    # The names are the constants above. SQL counts characters from 1.
    connection.execute(
        f"update {table} set {column} = ? || substr({column}, ?) "  # noqa: S608
        f"where {column} = ? or substr({column}, 1, ?) = ?",
        (place, len(former) + 1, former, len(former) + 1, f"{former}/"),
    )
