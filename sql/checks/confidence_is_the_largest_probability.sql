-- question: Is the confidence of every prediction its largest probability, and its label that digit?
-- grain: One row per prediction where this is false, at most 1,000.
-- column shard_score_id: id of the shard score that contains the prediction
-- column digit_id: id of the digit
-- column label: predicted digit
-- column confidence: stored confidence
-- column label_probability: probability of the label
-- column largest_probability: largest of the ten probabilities
-- column problem: description of the problem
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

-- Compare the label's probability, not the index of the largest one, because two may be equal.
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
            else 'the label is not the most probable digit'
        end as problem
    from readings
    where (confidence = largest_probability and label_probability = largest_probability) is not true
)

select shard_score_id, digit_id, label, confidence, label_probability, largest_probability, problem
from final
order by shard_score_id, digit_id
limit 1000
