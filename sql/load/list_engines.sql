-- Lists the shard scores of a run that are in the ledger, in order, with what computed each.
select
    cast(shard_scores.shard_score_id as varchar) as shard_score_id,
    shard_scores.shard_fingerprint,
    shard_scores.engine
from scoring_run_shards
inner join shard_scores using (shard_score_id)
where scoring_run_shards.scoring_run_id = cast($run as uuid)
order by scoring_run_shards.shard_position
