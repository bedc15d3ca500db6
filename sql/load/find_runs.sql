-- Return the runs that match 'latest', a dataset, an id or the beginning of an id, newest first.
select
    cast(scoring_run_id as varchar) as scoring_run_id,
    dataset = $run as is_of_dataset
from scoring_runs
where $run = 'latest' or dataset = $run or starts_with(cast(scoring_run_id as varchar), lower($run))
order by is_of_dataset desc, started_at desc, scoring_run_id
