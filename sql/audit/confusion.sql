-- question: Which digits does one run take for which?
-- grain: One row per pair of truth and label that occurs in the run, digits of unknown truth left out.
-- param run: scoring run id, its beginning, or 'latest' (default: latest)
-- column truth: digit it is
-- column label: digit that the model read
-- column count: digits
-- column truth_pct: the count's share of all digits of that truth
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
