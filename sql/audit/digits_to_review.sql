-- question: Which digits of a run should a person look at?
-- grain: One row per prediction of the run that is for review and was not reviewed, the sample first.
-- param run: scoring run id, its beginning, or 'latest' (default: latest)
-- param policy: number of a policy, or 'latest': the one in force for the run's version (default: latest)
-- param limit: most rows to list (default: 100)
-- column digit_id: the digit
-- column shard_score_id: the shard score the prediction belongs to
-- column shard_fingerprint: the shard that has its image
-- column label: digit that the model read
-- column confidence: calibrated probability of the label, 0 to 1
-- column not_a_digit: score of being none of the ten, 0 to 1, where the version gives one
-- column is_sampled: whether it is for review only by the draw: it would be accepted
-- column source: file or data set the digit came from
-- column page: page of the source, from 1
-- column field: field of the form, null outside forms
-- column position: place on the page or in the field, from 0
with

least_sure as (
    select
        shard_fingerprint, shard_score_id, digit_id, label, confidence, not_a_digit, is_sure as is_sampled
    from run_decisions(cast($run as uuid), $policy)
    where decision = 'review' and digit_id not in (select digit_id from reviews)
    order by is_sure desc, if(is_sure, sha256(cast(digit_id as varchar)), ''), confidence, digit_id
    limit cast($limit as bigint)
),

-- Only the shards that these are of are looked through.
places as (
    select
        digits.shard_fingerprint, digits.digit_id, digits.source, digits.page, digits.field, digits.position
    from digits
    inner join (select distinct shard_fingerprint from least_sure) using (shard_fingerprint)
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
        places.source,
        places.page,
        places.field,
        places.position
    from least_sure
    left join places using (shard_fingerprint, digit_id)
)

select
    digit_id, shard_score_id, shard_fingerprint, label, confidence, not_a_digit, is_sampled, source, page,
    field, position
from final
order by is_sampled desc, confidence, digit_id
