-- question: Which policies are there, and on what evidence?
-- grain: One row per policy, oldest first.
-- column policy_number: the policy
-- column subject: digit or field
-- column model_version: model version whose readings it decides on
-- column precision: arithmetic of the runs that it decides on
-- column is_in_force: whether it is the newest of its version, precision and subject
-- column max_error: largest share of what is accepted that may be wrong, 0 to 1
-- column certainty: probability with which that holds, 0 to 1
-- column threshold: confidence from which a reading is accepted, null where nothing is
-- column not_a_digit_from: not_a_digit from which there is no digit, 0 to 1
-- column review_rate: share of what is accepted that a person looks at all the same, 0 to 1
-- column evidence: labelled digits or fields that it rests on
-- column labelled: how many
-- column accepted: of those, how many reach the threshold
-- column coverage_pct: their share
-- column errors: of those, how many are wrong, null where nothing is accepted
-- column error_bound: upper limit of the share that is wrong, 0 to 1, null where nothing is accepted
-- column labelled_needed: about how many in all would have done, where these were too few
-- column calibration_error: expected calibration error of the confidences of fields, 0 to 1, null of digits
-- column calibrated_error: the same of the calibrated ones
-- column recorded_at: when it was set (UTC)
-- column actor: who set it
with

final as (
    select
        policy_number,
        subject,
        concat_ws('/', model_name, model_version) as model_version,
        precision,
        policy_number = max(policy_number) over (
            partition by subject, model_name, model_version, precision
        ) as is_in_force,
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
        recorded_at,
        actor
    from policies
)

select
    policy_number, subject, model_version, precision, is_in_force, max_error, certainty, threshold,
    not_a_digit_from, review_rate, evidence, labelled, accepted, coverage_pct, errors, error_bound,
    labelled_needed, calibration_error, calibrated_error, recorded_at, actor
from final
order by policy_number
