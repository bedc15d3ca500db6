-- List all pages of a dataset, read or not, so that an interrupted ingest can resume.
select page_id, source, source_sha256, page, page_fingerprint, status, template, templates
from pages
where dataset = $dataset
order by read_at, page_id
