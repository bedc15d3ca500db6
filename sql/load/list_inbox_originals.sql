-- List the versions that an inbox took under the paths in the registered table asked_documents, and under
-- other paths that once had content in that table.
with

versions as (
    select path, source_sha256, dataset, taken_at
    from inbox_documents
    where
        inbox = $inbox
        and status = 'taken'
        and ($until is null or taken_at <= cast($until as timestamptz))
)

select path, source_sha256, dataset
from versions
where
    path in (select path from asked_documents)
    or path in (select path from versions semi join asked_documents using (source_sha256))
order by taken_at, path
