-- Record a version of a dataset. A version that another job recorded first gets the ingest that committed it.
insert into datasets (
    dataset, manifest_version, manifest_fingerprint, digits, shards, committed_at, actor, ingest_id
)
values (
    $dataset, $manifest_version, $manifest_fingerprint, $digits, $shards, $committed_at, $actor, $ingest_id
)
on conflict (dataset, manifest_version, manifest_fingerprint) do update set
    ingest_id = coalesce(datasets.ingest_id, excluded.ingest_id)
