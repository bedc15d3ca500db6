-- Insert the ledger row that commits the predictions of a shard.
insert into shard_scores (
    shard_score_id, shard_fingerprint, dataset, model_name, model_version, preprocessing_fingerprint,
    precision, rows, device, engine, seconds, scored_at, actor, flow_run_id, predictions_sha256,
    ink_counts
)
values (
    $shard_score_id, $shard_fingerprint, $dataset, $model_name, $model_version,
    $preprocessing_fingerprint, $precision, $rows, $device, $engine, $seconds, $scored_at, $actor,
    $flow_run_id, $predictions_sha256, $ink_counts
)
