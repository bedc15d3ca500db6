-- Return the newest finished run of a dataset.
select cast(scoring_run_id as varchar) as scoring_run_id
from scoring_runs
where dataset = $dataset and finished_at is not null
order by started_at desc, scoring_run_id
limit 1
