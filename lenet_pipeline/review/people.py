"""People who may sign in: invitations, tokens and their revocation."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import uuid4

import pyarrow as pa

from lenet_pipeline.errors import ReviewError, UnknownNameError
from lenet_pipeline.settings import Settings
from lenet_pipeline.warehouse import (
    FoundReviewer,
    ReviewerRecord,
    Warehouse,
    find_reviewer,
    list_reviewers,
    record_reviewer,
    revoke_reviewer,
)

_TOKEN_BYTES = 32
_LONGEST_NAME = 64
_LONGEST_TOKEN = 256  # characters; longer ones are not even hashed

_TIME = pa.timestamp("us", "UTC")
_PEOPLE = pa.schema(
    [
        ("name", pa.string()),
        ("invited_at", _TIME),
        ("invited_by", pa.string()),
        ("is_revoked", pa.bool_()),
        ("revoked_at", _TIME),
        ("revoked_by", pa.string()),
    ]
)


@dataclass(frozen=True)
class Invitation:
    """A person's name as it is recorded, and the token, which is stored nowhere."""

    name: str
    token: str


def invite(settings: Settings, name: str) -> Invitation:
    """Let a person sign in. A person who already has a token gets another one; both are valid.

    Raises:
        ReviewError: the name is empty, too long, or has characters that cannot be printed.
        DatabaseBusyError: the database is still in use after the wait.
    """
    name = clean_name(name)
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    now = datetime.now(UTC)
    record_reviewer(settings.warehouse, ReviewerRecord(uuid4(), name, _digest(token), now, settings.actor))
    return Invitation(name, token)


def revoke(settings: Settings, name: str) -> int:
    """Revoke all tokens of a person and return how many became invalid.

    Raises:
        UnknownNameError: no valid token has this name.
        DatabaseBusyError: the database is still in use after the wait.
    """
    name = clean_name(name)
    revoked = 0
    if settings.warehouse.path.exists():
        revoked = revoke_reviewer(settings.warehouse, name, datetime.now(UTC), settings.actor)
    if not revoked:
        raise UnknownNameError("invited person", name, list_active(settings))
    return revoked


def list_people(settings: Settings) -> pa.Table:
    """List the tokens with their people, in the order of invitation.

    Columns: name, invited_at, invited_by, is_revoked, revoked_at, revoked_by.
    """
    return list_reviewers(settings.warehouse) if settings.warehouse.path.exists() else _PEOPLE.empty_table()


def list_active(settings: Settings) -> list[str]:
    """List the names of the people who can sign in."""
    return sorted({row["name"] for row in list_people(settings).to_pylist() if not row["is_revoked"]})


def find_person(warehouse: Warehouse, name: str, token: str) -> FoundReviewer | None:
    """Return the person whose name and valid token these are, or None.

    Raises:
        DatabaseBusyError: the database is still in use after ``warehouse.wait_s`` seconds.
    """
    if len(token) > _LONGEST_TOKEN:
        return None
    digest = _digest(token.strip())
    found = find_reviewer(warehouse, digest)
    if found is None or not hmac.compare_digest(found.token_sha256, digest):
        return None
    return found if hmac.compare_digest(found.name.encode(), _normalised(name).encode()) else None


def clean_name(name: str) -> str:
    """Return a name without spaces around it, in Unicode's composed form.

    Raises:
        ReviewError: the name is empty, too long, or has characters that cannot be printed.
    """
    cleaned = _normalised(name)
    if not 1 <= len(cleaned) <= _LONGEST_NAME:
        raise ReviewError(f"a name has 1 to {_LONGEST_NAME} characters; this one has {len(cleaned):,}")
    if not cleaned.isprintable():
        raise ReviewError(f"the name {cleaned!r} has characters that cannot be printed")
    return cleaned


def _normalised(name: str) -> str:
    return unicodedata.normalize("NFC", name).strip()


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
