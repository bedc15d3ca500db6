-- Record where versions of files are in the archive, from the registered table archived_documents.
update inbox_documents
set archived_to = archived_documents.archived_to
from archived_documents
where
    inbox_documents.inbox = $inbox
    and inbox_documents.path = archived_documents.path
    and inbox_documents.size_bytes = archived_documents.size_bytes
    and inbox_documents.modified_ns = archived_documents.modified_ns
