-- question: Does every prediction belong to a shard score in the ledger?
-- grain: One row per shard score that is missing from the ledger.
-- column shard_score_id: shard score that the predictions refer to
-- column predictions: number of these predictions
-- column problem: description of the problem
with

named_scores as (
    select shard_score_id, count(*) as predictions
    from predictions
    group by shard_score_id
),

final as (
    select
        named_scores.shard_score_id,
        named_scores.predictions,
        'predictions belong to a shard score that is not in the ledger' as problem
    from named_scores
    anti join shard_scores using (shard_score_id)
)

select shard_score_id, predictions, problem
from final
order by shard_score_id
