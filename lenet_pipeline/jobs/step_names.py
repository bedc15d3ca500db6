"""Names of steps that an observer treats in a special way; importing them loads nothing else."""

SCORE_SHARDS = "score-shards"
SCORE_ON_DASK = "score-shards-on-dask"
