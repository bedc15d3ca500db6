-- Return the model version of each dataset's current run, and the time of the dataset's last change; with
-- $until, as they were then.
with

recalls as (
    select scoring_run_id, max(recalled_at) as recalled_at
    from run_recalls
    where $until is null or recalled_at <= $until
    group by scoring_run_id
),

counting as (
    select scoring_runs.dataset, scoring_runs.model_name, scoring_runs.model_version
    from scoring_runs
    left join recalls using (scoring_run_id)
    where
        scoring_runs.finished_at is not null
        and ($until is null or scoring_runs.finished_at <= $until)
    qualify row_number() over (
        partition by scoring_runs.dataset
        order by
            coalesce(recalls.recalled_at, scoring_runs.started_at) desc,
            scoring_runs.scoring_run_id
    ) = 1
)

select counting.dataset, counting.model_name, counting.model_version, max(datasets.committed_at) as last_at
from counting
left join datasets
    on counting.dataset = datasets.dataset and ($until is null or datasets.committed_at <= $until)
group by counting.dataset, counting.model_name, counting.model_version
order by counting.dataset
