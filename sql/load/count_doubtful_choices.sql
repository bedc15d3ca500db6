-- Count the choices of some documents that a person should look at, over some scoring runs.
select count(*) as choices
from choice_readings
where
    is_doubtful
    and list_contains(cast($scoring_run_ids as uuid[]), scoring_run_id)
    and list_contains(cast($digests as varchar[]), source_sha256)
