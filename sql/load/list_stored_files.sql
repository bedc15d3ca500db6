-- List the newest known version of each of some files of an inbox, if its content is stored.
select path, size_bytes, modified_ns
from inbox_documents
where inbox = $inbox and list_contains(cast($paths as varchar[]), path)
qualify
    status in ('taken', 'unchanged', 'duplicate')
    and row_number() over (partition by path order by taken_at desc) = 1
