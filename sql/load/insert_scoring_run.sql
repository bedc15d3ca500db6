-- Insert a scoring run. An existing run keeps its first start.
insert into scoring_runs (
    scoring_run_id, dataset, manifest_version, manifest_fingerprint, model_name, model_version,
    preprocessing_fingerprint, precision, started_at, actor, flow_run_id
)
values (
    $scoring_run_id, $dataset, $manifest_version, $manifest_fingerprint, $model_name, $model_version,
    $preprocessing_fingerprint, $precision, $started_at, $actor, $flow_run_id
)
on conflict do nothing
