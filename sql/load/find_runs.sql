-- Finds the runs that a person means by 'latest', or by an id or its beginning, newest first.
select cast(scoring_run_id as varchar) as scoring_run_id
from scoring_runs
where $run = 'latest' or starts_with(cast(scoring_run_id as varchar), lower($run))
order by started_at desc, scoring_run_id
