-- question: Does every scored shard have exactly one prediction for each of its digits?
-- grain: One row per shard score with missing or extra predictions, or several for the same digit.
-- column shard_score_id: id of the shard score
-- column rows: number of digits in the ledger
-- column predictions: number of predictions
-- column digits: number of distinct digits in the predictions
-- column problem: description of the problem
with

ledger as (
    select shard_score_id, rows
    from shard_scores
),

counts as (
    select shard_score_id, count(*) as predictions, count(distinct digit_id) as digits
    from predictions
    group by shard_score_id
),

compared as (
    select
        ledger.shard_score_id,
        ledger.rows,
        coalesce(counts.predictions, 0) as predictions,
        coalesce(counts.digits, 0) as digits
    from ledger
    left join counts using (shard_score_id)
),

final as (
    select
        shard_score_id,
        rows,
        predictions,
        digits,
        case
            when digits < predictions then 'a digit has several predictions'
            when predictions < rows then 'predictions are missing'
            else 'there are more predictions than the ledger records'
        end as problem
    from compared
    where predictions <> rows or digits <> rows
)

select shard_score_id, rows, predictions, digits, problem
from final
order by shard_score_id
