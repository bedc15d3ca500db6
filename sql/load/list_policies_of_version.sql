-- Return the policies of a version that are in force, or were in force at $until.
select
    policy_number,
    subject,
    model_name,
    model_version,
    precision,
    max_error,
    certainty,
    threshold,
    not_a_digit_from,
    review_rate,
    review_seed,
    evidence,
    evidence_fingerprint,
    labelled,
    accepted,
    errors,
    error_bound,
    labelled_needed,
    recorded_at,
    actor,
    flow_run_id,
    calibration_slope,
    calibration_offset,
    calibration_error,
    calibrated_error,
    evidence_datasets,
    if_drift,
    drift_from,
    stratified_by
from policies
where
    model_name = $model_name
    and model_version = $model_version
    and ($until is null or recorded_at <= $until)
qualify policy_number = max(policy_number) over (partition by subject, precision)
order by subject, precision
