-- Return the manifests that a run of any version scored completely, until a time.
select distinct dataset, manifest_fingerprint
from scoring_runs
where finished_at is not null and ($until is null or finished_at <= $until)
