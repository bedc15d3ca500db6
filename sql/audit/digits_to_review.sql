-- question: Which digits of a run should a person review?
-- grain: One row per digit of the run that needs a review and has none, nor its field; samples come first.
-- param run: scoring run id or its beginning, dataset (its newest run), or 'latest' (default: latest)
-- param policy: policy number, or 'latest' for the policy in force for the model version (default: latest)
-- param limit: maximum number of rows (default: 100)
-- column digit_id: id of the digit
-- column shard_score_id: id of the shard score that contains the prediction
-- column shard_fingerprint: shard that contains the image
-- column label: predicted digit
-- column confidence: calibrated probability of the label, 0 to 1
-- column not_a_digit: score that the image is not a digit, 0 to 1, null if the model has no such score
-- column is_sampled: true if the digit is in review only because the random sample contains it
-- column decision: review or not_a_digit
-- column reason: reason for the review, with a word and a colon first
-- column source: file or data set that contains the digit
-- column page: page of the source, from 1
-- column field: field of the form, null outside forms
-- column position: position in the field, or on the page outside forms, from 0
with

least_sure as (
    select
        shard_fingerprint,
        shard_score_id,
        digit_id,
        label,
        confidence,
        not_a_digit,
        is_sure and decision = 'review' as is_sampled,
        decision,
        case
            when decision = 'not_a_digit' or (policy_number is null and not_a_digit >= 0.5)
                then printf('not_a_digit: score %.2f', not_a_digit)
            when policy_number is null then 'no_policy: no policy accepts readings of this version'
            when is_sure then 'sample: drawn to measure the error rate'
            else printf('unsure: confidence %.2f', confidence)
        end as reason
    from run_decisions(cast($run as uuid), $policy)
    where
        decision <> 'accept'
        and digit_id not in (select digit_id from digit_verdicts)
        and digit_id not in (
            select cells.digit_id
            from cells
            inner join field_verdicts using (field_id)
            where cells.digit_id is not null
        )
    order by
        is_sampled desc, if(is_sampled, sha256(cast(digit_id as varchar)), ''), confidence, digit_id
    limit cast($limit as bigint)
),

final as (
    select
        least_sure.digit_id,
        least_sure.shard_score_id,
        least_sure.shard_fingerprint,
        least_sure.label,
        least_sure.confidence,
        least_sure.not_a_digit,
        least_sure.is_sampled,
        least_sure.decision,
        least_sure.reason,
        digits.source,
        digits.page,
        digits.field,
        digits.position
    from least_sure
    left join digits using (shard_fingerprint, digit_id)
)

select
    digit_id, shard_score_id, shard_fingerprint, label, confidence, not_a_digit, is_sampled, decision,
    reason, source, page, field, position
from final
order by is_sampled desc, confidence, digit_id
