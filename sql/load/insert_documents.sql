-- Insert new documents from the registered table new_documents.
insert into documents (
    dataset, source_sha256, source, pages, size_bytes, recorded_at, actor, flow_run_id
)
select dataset, source_sha256, source, pages, size_bytes, recorded_at, actor, flow_run_id
from new_documents
on conflict do nothing
