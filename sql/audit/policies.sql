-- question: Which policies exist, and on what evidence?
-- grain: One row per policy, oldest first.
-- column policy_number: number of the policy
-- column subject: digit or field
-- column model_version: model version that the policy applies to, NAME/VERSION
-- column precision: precision of the runs that the policy applies to, float32 or fast
-- column is_newest: true if the policy is the newest for its model version, precision and subject
-- column is_in_force: true if it also belongs to the champion, so that it decides by default
-- column max_error: limit for the error rate of what is accepted, 0 to 1
-- column certainty: statistical certainty that the limit holds, 0 to 1
-- column threshold: lowest confidence that the policy accepts, null if it accepts nothing
-- column not_a_digit_from: not_a_digit score from which an image counts as not a digit, 0 to 1
-- column review_rate: share of the accepted digits or fields that is sampled for review, 0 to 1
-- column evidence: labelled digits or fields that the policy is based on
-- column labelled: number of these labelled digits or fields
-- column accepted: labelled ones that reach the threshold
-- column coverage_pct: percentage of labelled ones that reach the threshold
-- column errors: accepted labelled ones that are misread, null if the policy accepts nothing
-- column error_bound: upper bound of the error rate, 0 to 1, null if the policy accepts nothing
-- column labelled_needed: approximate number needed in all, null if there were enough or no number is enough
-- column calibration_error: expected calibration error of field confidences, 0 to 1, null for digits
-- column calibrated_error: the same error after calibration, 0 to 1, null for digits
-- column stratified_by: dataset or form if the policy has a threshold for each, see policy_strata; else null
-- column if_drift: hold or accept: answer to a run that differs from the evidence, null in older policies
-- column recorded_at: time when the policy was set (UTC)
-- column actor: user who set it
with

newest as (
    select max(policy_number) as policy_number
    from policies
    group by subject, model_name, model_version, precision
),

champions as (
    select model_name, model_version
    from champion_history
    where ended_at is null
),

final as (
    select
        policies.policy_number,
        subject,
        concat_ws('/', policies.model_name, policies.model_version) as reader,
        precision,
        newest.policy_number is not null as is_newest,
        is_newest and coalesce(policies.model_version = champions.model_version, true) as is_in_force,
        max_error,
        certainty,
        threshold,
        not_a_digit_from,
        review_rate,
        evidence,
        labelled,
        if(threshold is null, 0, accepted) as accepted,
        if(threshold is null, 0, round(100 * accepted / nullif(labelled, 0), 2)) as coverage_pct,
        if(threshold is null, null, errors) as errors,
        if(threshold is null, null, error_bound) as error_bound,
        labelled_needed,
        calibration_error,
        calibrated_error,
        stratified_by,
        if_drift,
        recorded_at,
        actor
    from policies
    left join newest on policies.policy_number = newest.policy_number
    left join champions on policies.model_name = champions.model_name
)

select
    policy_number, subject, reader as model_version, precision, is_newest, is_in_force, max_error, certainty,
    threshold, not_a_digit_from, review_rate, evidence, labelled, accepted, coverage_pct, errors,
    error_bound, labelled_needed, calibration_error, calibrated_error, stratified_by, if_drift, recorded_at,
    actor
from final
order by policy_number
