-- Record an ingest into one dataset, or update its counts.
insert into ingests (
    ingest_id,
    dataset,
    kind,
    source,
    started_at,
    finished_at,
    digits_added,
    digits_relabelled,
    digits_skipped,
    rejected,
    documents,
    pages,
    actor,
    flow_run_id
)
values (
    $ingest_id,
    $dataset,
    $kind,
    $source,
    $started_at,
    $finished_at,
    $digits_added,
    $digits_relabelled,
    $digits_skipped,
    $rejected,
    $documents,
    $pages,
    $actor,
    $flow_run_id
)
on conflict (ingest_id, dataset) do update set
    finished_at = excluded.finished_at,
    digits_added = excluded.digits_added,
    digits_relabelled = excluded.digits_relabelled,
    digits_skipped = excluded.digits_skipped,
    rejected = excluded.rejected,
    documents = excluded.documents,
    pages = excluded.pages
