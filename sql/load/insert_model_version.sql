-- Insert a model version. An existing one is not changed.
insert into model_versions (
    model_name, model_version, architecture, recipe, training_run_id, weights_sha256,
    preprocessing_fingerprint, training_fingerprint, temperature, code_revision, test_accuracy,
    registered_at, actor, flow_run_id, effort, trained_on, datasets
)
values (
    $model_name, $model_version, $architecture, $recipe, $training_run_id, $weights_sha256,
    $preprocessing_fingerprint, $training_fingerprint, $temperature, $code_revision, $test_accuracy,
    $registered_at, $actor, $flow_run_id, $effort, $trained_on, $datasets
)
on conflict do nothing
returning concat_ws('/', model_name, model_version) as reference
