-- Insert versions of files from the registered table new_inbox_documents.
insert into inbox_documents (
    inbox, path, size_bytes, modified_ns, source_sha256, status, dataset, source, original_path, archived_to,
    taken_at, actor, flow_run_id
)
select
    inbox, path, size_bytes, modified_ns, source_sha256, status, dataset, source, original_path,
    null as archived_to, taken_at, actor, flow_run_id
from new_inbox_documents
