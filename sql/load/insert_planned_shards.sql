-- Insert the shard scores of a run, in order, from the registered table planned_shards.
insert into scoring_run_shards (scoring_run_id, shard_position, shard_score_id, shard_fingerprint, rows)
select
    $scoring_run_id as scoring_run_id,
    shard_position,
    shard_score_id,
    shard_fingerprint,
    rows
from planned_shards
on conflict do nothing
