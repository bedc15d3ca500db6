-- Insert a decision of the schedule, unless it decided for this time before.
insert into schedule_decisions (
    schedule_number, considered_at, decision, reason, is_due, model_name, model_version, new_labels,
    drift_alarms, review_number, decided_at, actor, flow_run_id
)
values (
    $schedule_number, $considered_at, $decision, $reason, $is_due, $model_name, $model_version, $new_labels,
    $drift_alarms, $review_number, $decided_at, $actor, $flow_run_id
)
on conflict do nothing
