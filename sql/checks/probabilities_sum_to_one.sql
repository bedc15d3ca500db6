-- question: Do the ten probabilities of every prediction sum to one within 1e-5?
-- grain: One row per prediction whose do not; at most 1,000.
-- column shard_score_id: the shard score
-- column digit_id: the digit
-- column total: what its probabilities sum to
-- column problem: what is wrong
with

sums as (
    select shard_score_id, digit_id, list_sum(probabilities) as total
    from predictions
),

-- `is not true` rather than `>`: a sum that is NaN or NULL is a violation too.
final as (
    select shard_score_id, digit_id, total, 'the probabilities do not sum to one' as problem
    from sums
    where (abs(total - 1) <= 1e-5) is not true
)

select shard_score_id, digit_id, total, problem
from final
order by shard_score_id, digit_id
limit 1000
