-- Marks a run as finished, once.
update scoring_runs
set finished_at = $finished_at
where scoring_run_id = $scoring_run_id and finished_at is null
returning scoring_run_id
