-- Count the fields of some documents that wait for a person, over some scoring runs.
select count(*) as fields
from final_values
where
    decision = 'review'
    and list_contains(cast($scoring_run_ids as uuid[]), scoring_run_id)
    and list_contains(cast($digests as varchar[]), source_sha256)
