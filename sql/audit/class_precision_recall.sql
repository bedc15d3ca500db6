-- question: How accurately does a run read each digit class?
-- grain: One row per digit class 0 to 9, over the run's digits with a known truth.
-- param run: scoring run id or its beginning, dataset (its newest run), or 'latest' (default: latest)
-- column label: digit class, 0 to 9
-- column support: digits of this class
-- column predicted: digits predicted as this class
-- column digits_right: digits of this class that were predicted as this class
-- column precision_pct: percentage of the digits predicted as this class that belong to it, null if none
-- column recall_pct: percentage of the digits of this class that were predicted correctly, null if none
-- column f1_pct: harmonic mean of precision and recall, percent, null if support and predicted are both 0
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
