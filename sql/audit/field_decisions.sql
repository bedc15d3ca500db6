-- question: What becomes of each field of a run, by which policy?
-- grain: One row per field of the run, least sure first.
-- param run: scoring run id, its beginning, or 'latest' (default: latest)
-- param policy: number of a policy, or 'latest': the one in force for the run's version (default: latest)
-- param decision: accept, review, blank or 'all' (default: all)
-- param limit: most rows to list (default: 100)
-- column field_id: the field
-- column decision: accept, review or blank
-- column is_sampled: whether it is for review only by the draw: it would be accepted
-- column value: value as it counts, null where there is none
-- column confidence: probability that every digit of the value is right, 0 to 1
-- column calibrated_confidence: what it comes to, by the fields that the policy rests on, null where not such
-- column is_doubtful: whether a rule or a cell speaks against it: it is for review, however sure
-- column threshold: confidence from which a field is accepted, null where none is
-- column policy_number: policy that decides; null where the version has none, so that all are for review
-- column truth: what it says, null when unknown
-- column source: the document
-- column page: page of the document, from 1
-- column field: field of the form
with

run as (
    select model_name, model_version, precision
    from scoring_runs
    where scoring_run_id = cast($run as uuid)
),

policy as (
    select
        policies.policy_number,
        policies.threshold,
        policies.review_rate,
        policies.review_seed,
        policies.calibration_slope,
        policies.calibration_offset
    from policies
    inner join run using (model_name, model_version, precision)
    where
        policies.subject = 'field'
        and ($policy = 'latest' or cast(policies.policy_number as varchar) = $policy)
    order by policies.policy_number desc
    limit 1
),

readings as (
    select field_id, source, page, field, status, value, confidence, is_doubtful
    from field_readings
    where scoring_run_id = cast($run as uuid)
),

decided as (
    select
        readings.field_id,
        readings.source,
        readings.page,
        readings.field,
        readings.value,
        readings.confidence,
        if(
            readings.status = 'read' and not readings.is_doubtful,
            recalibrate(
                cast(readings.confidence as float), policy.calibration_slope, policy.calibration_offset
            ),
            null
        ) as calibrated_confidence,
        readings.is_doubtful,
        policy.policy_number,
        policy.threshold,
        readings.status = 'read'
        and not readings.is_doubtful
        and coalesce(cast(readings.confidence as float) >= policy.threshold, false) as is_sure,
        case
            when readings.status = 'blank' and not readings.is_doubtful then 'blank'
            when not is_sure then 'review'
            when is_sampled(readings.field_id, policy.review_rate, policy.review_seed) then 'review'
            else 'accept'
        end as decision
    from readings
    left join policy on true
),

final as (
    select
        decided.field_id,
        decided.decision,
        decided.decision = 'review' and decided.is_sure as is_sampled,
        decided.value,
        decided.confidence,
        decided.calibrated_confidence,
        decided.is_doubtful,
        decided.threshold,
        decided.policy_number,
        field_truths.truth,
        decided.source,
        decided.page,
        decided.field
    from decided
    left join field_truths using (field_id)
    where $decision = 'all' or decided.decision = $decision
)

select
    field_id, decision, is_sampled, value, confidence, calibrated_confidence, is_doubtful, threshold,
    policy_number, truth, source, page, field
from final
order by confidence nulls last, source, page, field, field_id
limit cast($limit as bigint)
