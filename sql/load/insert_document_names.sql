-- Record new content under the paths of documents, from the registered table new_documents.
with

newest as (
    select dataset, source, arg_max(source_sha256, found_at) as source_sha256
    from document_names
    group by dataset, source
)

insert into document_names (dataset, source, source_sha256, found_at)
select dataset, source, source_sha256, recorded_at as found_at
from new_documents
anti join newest using (dataset, source, source_sha256)
