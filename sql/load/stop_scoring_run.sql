-- Marks a run as stopped before its end, or, with null, as at work again.
update scoring_runs
set stopped_at = $stopped_at
where scoring_run_id = $scoring_run_id and stopped_at is distinct from $stopped_at
