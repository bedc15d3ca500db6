-- Return the dataset, model version and precision of a run.
select
    cast(scoring_run_id as varchar) as scoring_run_id,
    dataset,
    manifest_version,
    manifest_fingerprint,
    model_name,
    model_version,
    precision
from scoring_runs
where scoring_run_id = cast($run as uuid)
