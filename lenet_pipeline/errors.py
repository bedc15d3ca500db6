"""Every error that the project raises on purpose.

PipelineError                 exit code 1, one line at the terminal
├── SettingsError             invalid value of a setting
├── StorageError              folder or object store that cannot be reached
├── IngestError               source that cannot be read at all
├── LakeError                 datasets, shards and manifests
│   ├── ShardError            damaged shard, or one that differs from its manifest
│   └── ManifestConflictError another writer committed first
├── RegistryError             model versions and aliases
├── TrainingError             training job that cannot start or continue
├── ScoringError              scoring run that cannot start or finish
├── PolicyError               no labelled digits or fields to support a policy
├── ReviewError               reviews that cannot be written or read
├── WarehouseError            the DuckDB file and its queries
│   ├── DatabaseBusyError     another process holds the file
│   └── StagedFileError       staged predictions that cannot be loaded
├── UnknownNameError          unknown name; the message lists the available names
├── CheckFailed               exit code 3: a check returned rows
└── VerificationFailed        exit code 3: a stored prediction differs from a new reading

A message says what failed, where, what was expected, what was found, and what to do next.
"""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID


class PipelineError(Exception):
    """An error that the user can act on. The terminal shows its message as one line."""

    exit_code = 1


class SettingsError(PipelineError):
    """A setting has an invalid value."""


class StorageError(PipelineError):
    """A folder or object store could not be opened, reached, read or written."""


class IngestError(PipelineError):
    """A source could not be read at all."""


class LakeError(PipelineError):
    """A dataset, shard or manifest could not be read or written."""


class ShardError(LakeError):
    """A shard is missing or truncated, or its schema or fingerprint differs from the manifest."""


class ManifestConflictError(LakeError):
    """Another writer committed this manifest version first."""


class RegistryError(PipelineError):
    """A model version or alias could not be resolved, read or moved."""


class TrainingError(PipelineError):
    """A training job could not start or continue."""


class ScoringError(PipelineError):
    """A scoring run could not start or finish."""


class PolicyError(PipelineError):
    """No labelled digits or fields support the policy."""


class ReviewError(PipelineError):
    """Reviews could not be written or read."""


class WarehouseError(PipelineError):
    """The database or one of its queries failed."""


class DatabaseBusyError(WarehouseError):
    """Another process held the database for longer than ``database_wait_s``."""


class StagedFileError(WarehouseError):
    """A file of staged predictions is missing, malformed or has the wrong number of rows."""

    def __init__(self, message: str, shard_score_id: UUID) -> None:
        super().__init__(message)
        self.shard_score_id = shard_score_id


class UnknownNameError(PipelineError):
    """A name is unknown. The message lists the available names."""

    def __init__(
        self, kind: str, name: str, known: Iterable[str], hint: str = "", *, owner: str = ""
    ) -> None:
        names = ", ".join(sorted(known)) or "none yet"
        subject = f"{owner} has" if owner else "there is"
        message = f"{subject} no {kind} {name!r}; available: {names}"
        super().__init__(f"{message}. {hint}" if hint else message)


class CheckFailed(PipelineError):  # noqa: N818 - a finding, not an error
    """At least one check returned rows."""

    exit_code = 3


class VerificationFailed(PipelineError):  # noqa: N818 - a finding, not an error
    """At least one stored prediction differs from what its model version reads now."""

    exit_code = 3
