-- question: Does every scoring run contain each digit only once, across all its shards?
-- grain: One row per run and digit that is in several of its shards, at most 1,000.
-- column scoring_run_id: id of the scoring run
-- column digit_id: id of the digit
-- column shards: shards of the run that contain the digit
-- column problem: description of the problem
with

-- Runs share shards, so count in digits, which holds each shard once, and not in the predictions of every
-- run. shard_has_one_prediction_a_digit covers repeats within a shard, and prediction_has_one_provenance
-- compares predictions with digits.
repeated_digits as (
    select digit_id
    from digits
    group by digit_id
    having count(*) > 1
),

places as (
    select distinct digits.digit_id, digits.shard_fingerprint
    from digits
    inner join repeated_digits using (digit_id)
),

final as (
    select
        scoring_run_shards.scoring_run_id,
        places.digit_id,
        count(*) as shards,
        'several shards of the run contain the digit' as problem
    from scoring_run_shards
    inner join places using (shard_fingerprint)
    group by scoring_run_shards.scoring_run_id, places.digit_id
    having count(*) > 1
)

select scoring_run_id, digit_id, shards, problem
from final
order by scoring_run_id, digit_id
limit 1000
