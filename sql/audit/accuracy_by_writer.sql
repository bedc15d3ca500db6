-- question: Which writers does a run read least accurately?
-- grain: One row per writer who has digits with a known truth, least accurate first.
-- param run: scoring run id or its beginning, dataset (its newest run), or 'latest' (default: latest)
-- param limit: maximum number of rows (default: 100)
-- column writer: person who wrote the digits
-- column digits: digits with a known truth
-- column digits_right: digits predicted correctly
-- column accuracy_pct: percentage of digits predicted correctly
-- column mean_confidence: mean confidence of the predictions, 0 to 1
with

run_shards as (
    select shard_score_id, shard_fingerprint
    from scoring_run_shards
    where scoring_run_id = cast($run as uuid)
),

run_predictions as (
    select
        run_shards.shard_fingerprint,
        predictions.digit_id,
        predictions.label = predictions.truth as is_right,
        predictions.confidence
    from predictions
    inner join run_shards using (shard_score_id)
    where predictions.truth is not null
),

final as (
    select
        digits.writer,
        count(*) as digits,
        count(*) filter (where run_predictions.is_right) as digits_right,
        round(100.0 * count(*) filter (where run_predictions.is_right) / count(*), 2) as accuracy_pct,
        avg(run_predictions.confidence) as mean_confidence
    from run_predictions
    inner join digits
        on run_predictions.shard_fingerprint = digits.shard_fingerprint
        and run_predictions.digit_id = digits.digit_id
    where digits.writer is not null
    group by digits.writer
)

select writer, digits, digits_right, accuracy_pct, mean_confidence
from final
order by accuracy_pct, digits desc, writer
limit cast($limit as bigint)
