-- question: Do the ten probabilities of every prediction sum to one within 1e-5?
-- grain: One row per prediction where they do not, at most 1,000.
-- column shard_score_id: id of the shard score that contains the prediction
-- column digit_id: id of the digit
-- column total: sum of the probabilities
-- column problem: description of the problem
with

sums as (
    select shard_score_id, digit_id, list_sum(probabilities) as total
    from predictions
),

-- Use `is not true` instead of `>`, because a sum of NaN or NULL is a violation too.
final as (
    select shard_score_id, digit_id, total, 'the probabilities do not sum to one' as problem
    from sums
    where (abs(total - 1) <= 1e-5) is not true
)

select shard_score_id, digit_id, total, problem
from final
order by shard_score_id, digit_id
limit 1000
