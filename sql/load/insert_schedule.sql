-- Insert a declaration of the retraining schedule and return its number.
insert into retraining_schedules (
    is_removed, datasets, tests, architecture, recipe, effort, epochs, seed, cron, min_new_labels, on_drift,
    if_drift, max_error, certainty, review_rate, evidence, field_evidence, if_target_missed, afterwards,
    score_since, declared_at, actor
)
values (
    $is_removed, $datasets, $tests, $architecture, $recipe, $effort, $epochs, $seed, $cron, $min_new_labels,
    $on_drift, $if_drift, $max_error, $certainty, $review_rate, $evidence, $field_evidence, $if_target_missed,
    $afterwards, $score_since, $declared_at, $actor
)
returning schedule_number
