-- question: Does every scoring run read each digit once, though its shards are many?
-- grain: One row per run and digit that is in several shards of the run; at most 1,000.
-- column scoring_run_id: the run
-- column digit_id: the digit
-- column shards: shards of the run that hold it
-- column problem: what is wrong
with

-- Runs share shards, so this asks the digits, which are stored once a shard, and not every run's
-- predictions. Within a shard, shard_has_one_prediction_a_digit asks; that predictions and digits are
-- the same ones, prediction_has_one_provenance.
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
        'the run reads the digit in several shards' as problem
    from scoring_run_shards
    inner join places using (shard_fingerprint)
    group by scoring_run_shards.scoring_run_id, places.digit_id
    having count(*) > 1
)

select scoring_run_id, digit_id, shards, problem
from final
order by scoring_run_id, digit_id
limit 1000
