-- Insert a policy and return its number.
insert into policies (
    subject, model_name, model_version, precision, max_error, certainty, threshold, not_a_digit_from,
    review_rate, review_seed, evidence, evidence_fingerprint, labelled, accepted, errors, error_bound,
    labelled_needed, calibration_slope, calibration_offset, calibration_error, calibrated_error, recorded_at,
    actor, flow_run_id, evidence_datasets, if_drift, drift_from, stratified_by
)
values (
    $subject, $model_name, $model_version, $precision, $max_error, $certainty, $threshold, $not_a_digit_from,
    $review_rate, $review_seed, $evidence, $evidence_fingerprint, $labelled, $accepted, $errors,
    $error_bound, $labelled_needed, $calibration_slope, $calibration_offset, $calibration_error,
    $calibrated_error, $recorded_at, $actor, $flow_run_id, $evidence_datasets, $if_drift, $drift_from,
    $stratified_by
)
returning policy_number
