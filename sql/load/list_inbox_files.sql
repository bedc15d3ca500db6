-- List the newest known version of each file of an inbox, among those taken until a time.
select path, size_bytes, modified_ns
from inbox_documents
where inbox = $inbox and ($until is null or taken_at <= cast($until as timestamptz))
qualify row_number() over (partition by path order by taken_at desc) = 1
