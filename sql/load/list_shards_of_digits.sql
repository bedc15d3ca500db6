-- List the shard of each given digit in a run. $digits is a list of ids with commas between them.
select
    cast(predictions.digit_id as varchar) as digit_id,
    scoring_run_shards.shard_fingerprint
from predictions
inner join scoring_run_shards using (shard_score_id)
where
    scoring_run_shards.scoring_run_id = cast($run as uuid)
    and predictions.digit_id in (select cast(unnest(string_split($digits, ',')) as uuid))
order by digit_id
