-- Return the versions that an inbox took before: those with one of these contents, or under one of these paths.
select path, source_sha256, dataset
from inbox_documents
where
    inbox = $inbox
    and status = 'taken'
    and ($as_of is null or taken_at <= cast($as_of as timestamptz))
    and (
        list_contains(cast($digests as varchar[]), source_sha256)
        or list_contains(cast($paths as varchar[]), path)
    )
order by taken_at, path
