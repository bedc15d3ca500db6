-- List the current scan of each document of a dataset.
select source, source_sha256
from current_documents
where dataset = $dataset
order by source
