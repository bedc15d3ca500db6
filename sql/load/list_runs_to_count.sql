-- List the finished runs of a version that have no histograms yet.
select scoring_run_id
from scoring_runs
anti join run_histograms using (scoring_run_id)
where
    model_name = $model_name
    and model_version = $model_version
    and precision = $precision
    and finished_at is not null
order by started_at, scoring_run_id
