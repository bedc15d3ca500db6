-- Record where a version of a file is in the archive.
update inbox_documents
set archived_to = $archived_to
where inbox = $inbox and path = $path and size_bytes = $size_bytes and modified_ns = $modified_ns
