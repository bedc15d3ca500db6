-- List the newest known version of each file in the registered table asked_files, if its content is stored.
select path, size_bytes, modified_ns
from inbox_documents
semi join asked_files using (path)
where inbox = $inbox
qualify
    status in ('taken', 'unchanged', 'duplicate')
    and row_number() over (partition by path order by taken_at desc) = 1
