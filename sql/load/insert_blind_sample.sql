-- Record that a sample was drawn.
insert into blind_samples (
    sample_id, name, kind, scoring_run_id, form, field, reason, size, seed, created_at, actor
)
values (
    $sample_id, $name, $kind, $scoring_run_id, $form, $field, $reason, $size, $seed, $created_at, $actor
)
