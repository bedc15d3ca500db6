-- List the shard scores of a run, in order, and whether the ledger contains each.
select
    scoring_run_shards.shard_score_id,
    shard_scores.shard_score_id is not null as is_scored
from scoring_run_shards
left join shard_scores using (shard_score_id)
where scoring_run_shards.scoring_run_id = $scoring_run_id
order by scoring_run_shards.shard_position
