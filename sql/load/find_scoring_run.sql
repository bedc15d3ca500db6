-- Return the inputs of a scoring run.
select
    dataset,
    manifest_fingerprint,
    model_name,
    model_version,
    preprocessing_fingerprint,
    precision
from scoring_runs
where scoring_run_id = $scoring_run_id
