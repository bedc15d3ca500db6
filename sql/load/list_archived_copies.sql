-- List the places where a document may be after it left the path where it was read, the newest first.
select inbox, path, archived_to
from inbox_documents
where source = $source and source_sha256 = $source_sha256
order by taken_at desc
