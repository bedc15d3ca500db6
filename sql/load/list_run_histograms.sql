-- List the histograms of a run.
select measure, counts
from run_histograms
where scoring_run_id = cast($scoring_run_id as uuid)
order by measure
