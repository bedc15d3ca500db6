-- List the datasets of an inbox whose newest version has digits and no finished scoring run, oldest first.
select current_datasets.dataset
from current_datasets
where
    current_datasets.digits > 0
    and current_datasets.dataset in (select dataset from inbox_documents where inbox = $inbox)
    and not exists (
        select 1
        from scoring_runs
        where
            scoring_runs.dataset = current_datasets.dataset
            and scoring_runs.manifest_fingerprint = current_datasets.manifest_fingerprint
            and scoring_runs.finished_at is not null
    )
order by current_datasets.dataset
