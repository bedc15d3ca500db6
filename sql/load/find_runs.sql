-- Return the runs that match 'latest', an id or the beginning of an id, newest first.
select cast(scoring_run_id as varchar) as scoring_run_id
from scoring_runs
where $run = 'latest' or starts_with(cast(scoring_run_id as varchar), lower($run))
order by started_at desc, scoring_run_id
