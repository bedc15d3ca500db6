-- Mark a run as finished, unless it is marked already.
update scoring_runs
set finished_at = $finished_at
where scoring_run_id = $scoring_run_id and finished_at is null
returning scoring_run_id
