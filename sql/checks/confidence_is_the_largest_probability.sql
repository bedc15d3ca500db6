-- question: Is the confidence of every prediction its largest probability, and the label that one's place?
-- grain: One row per prediction of which that is not so; at most 1,000.
-- column shard_score_id: the shard score
-- column digit_id: the digit
-- column label: digit that the model read
-- column confidence: stored confidence
-- column label_probability: probability at the label's place
-- column largest_probability: largest of the ten
-- column problem: what is wrong
with

readings as (
    select
        shard_score_id,
        digit_id,
        label,
        confidence,
        probabilities[label + 1] as label_probability,
        list_max(probabilities) as largest_probability
    from predictions
),

-- The label's own probability is compared, not the place of the largest: two may be equally large.
final as (
    select
        shard_score_id,
        digit_id,
        label,
        confidence,
        label_probability,
        largest_probability,
        case
            when confidence is distinct from largest_probability
                then 'the confidence is not the largest probability'
            else 'the label is not the place of the largest probability'
        end as problem
    from readings
    where (confidence = largest_probability and label_probability = largest_probability) is not true
)

select shard_score_id, digit_id, label, confidence, label_probability, largest_probability, problem
from final
order by shard_score_id, digit_id
limit 1000
