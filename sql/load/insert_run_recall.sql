-- Make a finished run the current run of its dataset again, unless it is already.
insert into run_recalls (scoring_run_id, recalled_at, actor, flow_run_id)
select scoring_runs.scoring_run_id, $recalled_at, $actor, $flow_run_id
from scoring_runs
anti join current_runs using (scoring_run_id)
where scoring_runs.scoring_run_id = $scoring_run_id and scoring_runs.finished_at is not null
returning scoring_run_id
