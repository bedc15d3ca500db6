-- List the newest known version of each file of an inbox, among those taken until a time.
select path, size_bytes, modified_ns
from inbox_documents
where inbox = $inbox and ($as_of is null or taken_at <= cast($as_of as timestamptz))
qualify row_number() over (partition by path order by taken_at desc) = 1
