-- question: What does a policy decide for each field of a run?
-- grain: One row per field of the run, least confident first.
-- param run: scoring run id or its beginning, dataset (its newest run), or 'latest' (default: latest)
-- param policy: policy number, or 'latest' for the policy in force for the model version (default: latest)
-- param decision: accept, review, blank, reviewed or 'all' (default: all)
-- param limit: maximum number of rows (default: 100)
-- column field_id: id of the field
-- column decision: accept, review, blank, or reviewed if people have decided
-- column reason: reasons for the review, null if no review is needed
-- column is_sampled: true if the field is in review only because the random sample contains it
-- column value: final value, null if the field has none
-- column confidence: probability that every digit of the value is right, 0 to 1
-- column calibrated_confidence: confidence after the policy's calibration, null for fields it never accepts
-- column is_doubtful: true if a rule or a cell casts doubt on the value; then a review is always needed
-- column threshold: lowest confidence that the policy accepts, null if it accepts nothing
-- column policy_number: policy that decides; null without a policy: every field then needs a review
-- column truth: true value, null if unknown
-- column source: path of the document
-- column page: page of the document, from 1
-- column field: name of the field
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
    select
        field_id, source, page, form, field, status, value, confidence, is_doubtful, reason,
        decision as decision_in_force
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
        readings.reason,
        policy.policy_number,
        if(policy_strata.stratum is null, policy.threshold, policy_strata.threshold) as threshold,
        readings.status = 'read'
        and not readings.is_doubtful
        and coalesce(
            cast(readings.confidence as float)
            >= if(policy_strata.stratum is null, policy.threshold, policy_strata.threshold),
            false
        ) as is_sure,
        case
            when $policy = 'latest' or readings.decision_in_force = 'reviewed'
                then readings.decision_in_force
            when readings.status = 'blank' and not readings.is_doubtful then 'blank'
            when not is_sure then 'review'
            when is_sampled(readings.field_id, policy.review_rate, policy.review_seed) then 'review'
            else 'accept'
        end as decision
    from readings
    left join policy on true
    left join policy_strata
        on policy.policy_number = policy_strata.policy_number
        and policy_strata.kind = 'form'
        and readings.form = policy_strata.stratum
),

final as (
    select
        decided.field_id,
        decided.decision,
        decided.reason,
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
    field_id, decision, reason, is_sampled, value, confidence, calibrated_confidence, is_doubtful, threshold,
    policy_number, truth, source, page, field
from final
order by confidence nulls last, source, page, field, field_id
limit cast($limit as bigint)
