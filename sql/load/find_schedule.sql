-- Return the schedule that was in force at a time, if any.
select
    schedule_number,
    datasets,
    tests,
    architecture,
    recipe,
    effort,
    epochs,
    seed,
    cron,
    min_new_labels,
    on_drift,
    if_drift,
    max_error,
    certainty,
    review_rate,
    evidence,
    field_evidence,
    if_target_missed,
    afterwards,
    score_since,
    declared_at,
    actor,
    is_removed
from retraining_schedules
where $until is null or declared_at <= $until
qualify schedule_number = max(schedule_number) over () and not is_removed
