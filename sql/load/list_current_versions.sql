-- Return the model version of each dataset's current run, and when the dataset's first version was committed.
select
    current_runs.dataset,
    current_runs.model_name,
    current_runs.model_version,
    min(datasets.committed_at) as first_at,
    max(datasets.committed_at) as last_at
from current_runs
left join datasets using (dataset)
where current_runs.finished_at is not null
group by current_runs.dataset, current_runs.model_name, current_runs.model_version
