"""Every error the project raises on purpose.

PipelineError                 exit code 1, one line at the terminal
├── SettingsError             a setting has a value it cannot take
├── StorageError              a lake or predictions folder that cannot be reached
├── IngestError               a source that could not be read at all
├── LakeError                 datasets, shards and manifests
│   ├── ShardError            one shard that is not what its manifest says
│   └── ManifestConflictError another writer committed first
├── RegistryError             model versions and aliases
├── TrainingError             a training job that cannot start or go on
├── ScoringError              a scoring run that cannot start or finish
├── PolicyError               a policy that has nothing to rest on
├── ReviewError               reviews that cannot be written or read
├── WarehouseError            the DuckDB file and its queries
│   ├── DatabaseBusyError     another process holds the file
│   └── StagedFileError       one staged file that the tables refuse
├── UnknownNameError          a name that nothing has, with the names there are
├── CheckFailed               exit code 3: a check returned rows
└── VerificationFailed        exit code 3: what is stored is not what is read again

A message says what happened, where, what was expected and found, and what to do next.
"""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID


class PipelineError(Exception):
    """Something the user can act on; its message is the one line they see."""

    exit_code = 1


class SettingsError(PipelineError):
    """A setting has a value it cannot take."""


class StorageError(PipelineError):
    """A folder or object store could not be opened, reached, read or written."""


class IngestError(PipelineError):
    """A source could not be read at all."""


class LakeError(PipelineError):
    """A dataset, shard or manifest could not be read or written."""


class ShardError(LakeError):
    """One shard is truncated, or has another schema or fingerprint than its manifest says."""


class ManifestConflictError(LakeError):
    """Another writer committed the manifest version that this writer was about to commit."""


class RegistryError(PipelineError):
    """A model version or alias could not be resolved, read or moved."""


class TrainingError(PipelineError):
    """A training job could not start or go on."""


class ScoringError(PipelineError):
    """A scoring run could not start or finish."""


class PolicyError(PipelineError):
    """A policy that no labelled digits or fields speak for."""


class ReviewError(PipelineError):
    """A folder of reviews that cannot be written, or read back."""


class WarehouseError(PipelineError):
    """The database or one of its queries failed."""


class DatabaseBusyError(WarehouseError):
    """Another process held the database for longer than the settings allow to wait."""


class StagedFileError(WarehouseError):
    """One file of staged predictions is missing, malformed or of another number of rows."""

    def __init__(self, message: str, shard_score_id: UUID) -> None:
        super().__init__(message)
        self.shard_score_id = shard_score_id


class UnknownNameError(PipelineError):
    """A name that nothing has."""

    def __init__(self, kind: str, name: str, known: Iterable[str], hint: str = "") -> None:
        names = ", ".join(sorted(known)) or "none yet"
        message = f"there is no {kind} {name!r}; there is: {names}"
        super().__init__(f"{message}. {hint}" if hint else message)


class CheckFailed(PipelineError):  # noqa: N818 - a finding, not a fault
    """At least one check returned rows."""

    exit_code = 3


class VerificationFailed(PipelineError):  # noqa: N818 - a finding, not a fault
    """At least one stored prediction is not what its model version reads of its digit."""

    exit_code = 3
