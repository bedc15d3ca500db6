-- Lists the pages of a dataset that were read or tried, to go on where an ingest stopped.
select page_id, source_sha256, page, page_fingerprint, status, template, templates
from pages
where dataset = $dataset
order by read_at, page_id
