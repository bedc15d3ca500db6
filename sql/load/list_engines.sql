-- Lists the shard scores that a run consists of, in order, with what computed each; null where the ledger has
-- it no more.
select
    cast(scoring_run_shards.shard_score_id as varchar) as shard_score_id,
    scoring_run_shards.shard_fingerprint,
    shard_scores.engine
from scoring_run_shards
left join shard_scores using (shard_score_id)
where scoring_run_shards.scoring_run_id = cast($run as uuid)
order by scoring_run_shards.shard_position
