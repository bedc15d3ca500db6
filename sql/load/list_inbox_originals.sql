-- Return the versions that an inbox took under paths that are in question, or that had content in question.
with

versions as (
    select path, source_sha256, dataset, taken_at
    from inbox_documents
    where
        inbox = $inbox
        and status = 'taken'
        and ($as_of is null or taken_at <= cast($as_of as timestamptz))
)

select path, source_sha256, dataset
from versions
where
    path in (
        select path
        from versions
        where
            list_contains(cast($digests as varchar[]), source_sha256)
            or list_contains(cast($paths as varchar[]), path)
    )
order by taken_at, path
