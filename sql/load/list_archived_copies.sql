-- List the places of the archived copies of a document, newest first.
select inbox, path, archived_to
from inbox_documents
where source = $source and source_sha256 = $source_sha256
order by taken_at desc
