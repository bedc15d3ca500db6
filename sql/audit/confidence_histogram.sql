-- question: How confident was a run, and how accurate was it at each level of confidence?
-- grain: One row per confidence interval of width 0.05 that contains predictions of the run.
-- param run: scoring run id or its beginning, dataset (its newest run), or 'latest' (default: latest)
-- column confidence_from: lower end of the interval, 0 to 1
-- column confidence_to: upper end of the interval, 0 to 1
-- column digits: predictions in the interval
-- column digits_with_truth: predictions with a known truth
-- column digits_right: correct predictions
-- column accuracy_pct: percentage of correct predictions of known truth, null if no truth is known
with

run_shards as (
    select shard_score_id
    from scoring_run_shards
    where scoring_run_id = cast($run as uuid)
),

run_predictions as (
    select
        -- A confidence of exactly 1 belongs to the last interval.
        least(19, cast(floor(predictions.confidence * 20) as integer)) as twentieth,
        predictions.truth is not null as has_truth,
        coalesce(predictions.truth = predictions.label, false) as is_right
    from predictions
    inner join run_shards using (shard_score_id)
),

counts as (
    select
        twentieth,
        count(*) as digits,
        count(*) filter (where has_truth) as digits_with_truth,
        count(*) filter (where is_right) as digits_right
    from run_predictions
    group by twentieth
),

final as (
    select
        round(twentieth / 20, 2) as confidence_from,
        round((twentieth + 1) / 20, 2) as confidence_to,
        digits,
        digits_with_truth,
        digits_right,
        round(100.0 * digits_right / nullif(digits_with_truth, 0), 2) as accuracy_pct
    from counts
)

select
    confidence_from,
    confidence_to,
    digits,
    digits_with_truth,
    digits_right,
    accuracy_pct
from final
order by confidence_from
