-- question: Which digits does a run confuse with each other?
-- grain: One row per combination of truth and label in the run, without digits of unknown truth.
-- param run: scoring run id or its beginning, dataset (its newest run), or 'latest' (default: latest)
-- column truth: true digit
-- column label: predicted digit
-- column count: digits with this truth and label
-- column truth_pct: count as a percentage of all digits with this truth
with

run_shards as (
    select shard_score_id
    from scoring_run_shards
    where scoring_run_id = cast($run as uuid)
),

run_predictions as (
    select predictions.truth, predictions.label
    from predictions
    inner join run_shards using (shard_score_id)
    where predictions.truth is not null
),

pairs as (
    select truth, label, count(*) as count
    from run_predictions
    group by truth, label
),

final as (
    select truth, label, count, round(100.0 * count / sum(count) over (partition by truth), 2) as truth_pct
    from pairs
)

select truth, label, count, truth_pct
from final
order by truth, label
