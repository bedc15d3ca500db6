-- List the shard scores of a run, in order, with the engine of each, null if the ledger lacks the score.
select
    cast(scoring_run_shards.shard_score_id as varchar) as shard_score_id,
    scoring_run_shards.shard_fingerprint,
    shard_scores.engine
from scoring_run_shards
left join shard_scores using (shard_score_id)
where scoring_run_shards.scoring_run_id = cast($run as uuid)
order by scoring_run_shards.shard_position
