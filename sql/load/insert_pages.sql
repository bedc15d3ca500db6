-- Insert new pages from the registered table new_pages.
insert into pages (
    page_id, dataset, source, source_sha256, page, page_fingerprint, width_px, height_px, dpi, status,
    reason, form, template, templates, rotation, residual_px, to_scan, warp, duplicate_of, read_at,
    actor, flow_run_id
)
select
    page_id, dataset, source, source_sha256, page, page_fingerprint, width_px, height_px, dpi, status,
    reason, form, template, templates, rotation, residual_px, to_scan, warp, duplicate_of, read_at,
    actor, flow_run_id
from new_pages
where page_id not in (select page_id from pages)
