"""The registry: the one place that imports MLflow. Training runs, model versions and aliases."""

from lenet_pipeline.registry.chain_head import publish_head, read_published_head
from lenet_pipeline.registry.finished_runs import FinishedRun, read_finished_run
from lenet_pipeline.registry.runs import TrainingRun, training_run
from lenet_pipeline.registry.store import Registry
from lenet_pipeline.registry.versions import (
    ALL_DIGITS,
    CHALLENGER,
    CHAMPION,
    TRAIN_SPLIT,
    ModelVersion,
    ResolvedModel,
    find_champion,
    list_versions,
    move_alias,
    read_version,
    resolve_version,
)

__all__ = [
    "ALL_DIGITS",
    "CHALLENGER",
    "CHAMPION",
    "TRAIN_SPLIT",
    "FinishedRun",
    "ModelVersion",
    "Registry",
    "ResolvedModel",
    "TrainingRun",
    "find_champion",
    "list_versions",
    "move_alias",
    "publish_head",
    "read_finished_run",
    "read_published_head",
    "read_version",
    "resolve_version",
    "training_run",
]
