-- question: How well does one run read each digit?
-- grain: One row per digit 0 to 9, over the run's digits of known truth.
-- param run: scoring run id, its beginning, or 'latest' (default: latest)
-- column label: the digit
-- column support: digits that are this one
-- column predicted: digits read as this one
-- column digits_right: digits that are this one and were read as it
-- column precision_pct: share of those read as this one that are it, null when none was
-- column recall_pct: share of those that are this one that were read as it, null when none is
-- column f1_pct: harmonic mean of precision and recall, null when there is neither
with

run_shards as (
    select shard_score_id
    from scoring_run_shards
    where scoring_run_id = cast($run as uuid)
),

pairs as (
    select predictions.truth, predictions.label, count(*) as digits
    from predictions
    inner join run_shards using (shard_score_id)
    where predictions.truth is not null
    group by predictions.truth, predictions.label
),

classes as (
    select cast(range as utinyint) as label
    from range(10)
),

counts as (
    select
        classes.label,
        coalesce(sum(pairs.digits) filter (where pairs.truth = classes.label), 0) as support,
        coalesce(sum(pairs.digits) filter (where pairs.label = classes.label), 0) as predicted,
        coalesce(sum(pairs.digits) filter (where pairs.truth = pairs.label), 0) as digits_right
    from classes
    left join pairs on classes.label = pairs.truth or classes.label = pairs.label
    group by classes.label
),

final as (
    select
        label,
        cast(support as bigint) as support,
        cast(predicted as bigint) as predicted,
        cast(digits_right as bigint) as digits_right,
        round(100.0 * digits_right / nullif(predicted, 0), 2) as precision_pct,
        round(100.0 * digits_right / nullif(support, 0), 2) as recall_pct,
        round(200.0 * digits_right / nullif(predicted + support, 0), 2) as f1_pct
    from counts
)

select label, support, predicted, digits_right, precision_pct, recall_pct, f1_pct
from final
order by label
