-- List the documents in the datasets of an inbox that have a source or content in the registered table
-- asked_documents, the oldest first. An interrupted poll stores documents that it does not record.
select source, source_sha256, dataset
from document_names
where
    starts_with(dataset, $inbox || '/')
    and ($until is null or found_at <= cast($until as timestamptz))
    and (
        source in (select source from asked_documents)
        or source_sha256 in (select source_sha256 from asked_documents)
    )
order by found_at, dataset
