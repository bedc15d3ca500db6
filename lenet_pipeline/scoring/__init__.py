"""Scoring: turn images into probabilities, and shards of digits into shards of predictions.

An engine runs the network on a CPU, as machine code or with PyTorch, or on a GPU. Runners score the shards of
a dataset in threads of this process or on a Dask cluster. This room needs only torch, numpy and pyarrow,
because a GPU worker has nothing else.
"""

from lenet_pipeline.scoring.agreement import SAMPLE, SAMPLE_BATCH, Agreement, measure_agreement
from lenet_pipeline.scoring.drift_reference import DOUBT, LOWER_ENDS, Counts, count_evidence, count_reference
from lenet_pipeline.scoring.engine import (
    FLOAT32,
    PRECISIONS,
    Engine,
    Preprocessing,
    Scores,
    TrainedModel,
    choose_device,
    load_network,
    network_weights,
)
from lenet_pipeline.scoring.runners import Runner, run_here, run_on_dask
from lenet_pipeline.scoring.shards import ScoredShard, ScoringKey, ShardWork, read_probabilities, score_shard

__all__ = [
    "DOUBT",
    "FLOAT32",
    "LOWER_ENDS",
    "PRECISIONS",
    "SAMPLE",
    "SAMPLE_BATCH",
    "Agreement",
    "Counts",
    "Engine",
    "Preprocessing",
    "Runner",
    "ScoredShard",
    "Scores",
    "ScoringKey",
    "ShardWork",
    "TrainedModel",
    "choose_device",
    "count_evidence",
    "count_reference",
    "load_network",
    "measure_agreement",
    "network_weights",
    "read_probabilities",
    "run_here",
    "run_on_dask",
    "score_shard",
]
