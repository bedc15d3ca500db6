-- Mark a run as stopped before its end, or as active again if $stopped_at is null.
update scoring_runs
set stopped_at = $stopped_at
where scoring_run_id = $scoring_run_id and stopped_at is distinct from $stopped_at
