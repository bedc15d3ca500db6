-- Insert new rejects from the registered table new_rejects.
insert into rejects (
    reject_id, dataset, source, source_sha256, page, kind, reason, rejected_at, actor, flow_run_id
)
select
    reject_id,
    dataset,
    source,
    source_sha256,
    page,
    kind,
    reason,
    rejected_at,
    actor,
    flow_run_id
from new_rejects
on conflict do nothing
