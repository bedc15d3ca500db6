-- Count the digits of some documents by decision, over some scoring runs.
select decision, count(*) as digits
from predictions_full
where
    list_contains(cast($scoring_run_ids as uuid[]), scoring_run_id)
    and list_contains(cast($digests as varchar[]), source_sha256)
group by decision
order by decision
