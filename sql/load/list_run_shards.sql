-- Lists the shard scores a run consists of, in order, and whether the ledger has them.
select
    scoring_run_shards.shard_score_id,
    shard_scores.shard_score_id is not null as is_scored
from scoring_run_shards
left join shard_scores using (shard_score_id)
where scoring_run_shards.scoring_run_id = $scoring_run_id
order by scoring_run_shards.shard_position
