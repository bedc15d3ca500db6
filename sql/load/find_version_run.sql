-- Return the newest finished run of a dataset with a given model version and precision.
select cast(scoring_run_id as varchar) as scoring_run_id, manifest_fingerprint
from scoring_runs
where
    dataset = $dataset
    and model_name = $model_name
    and model_version = cast($model_version as integer)
    and precision = $precision
    and finished_at is not null
order by started_at desc, scoring_run_id
limit 1
