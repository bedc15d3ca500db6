-- Count the predictions of a run per measure and bin, unless that is done.
insert into run_histograms (scoring_run_id, measure, counts)
select scoring_run_id, measure, counts
from prediction_histograms
where scoring_run_id = cast($scoring_run_id as uuid)
on conflict do nothing
