-- Return pages with their template and their place on the scan.
select
    cast(pages.page_id as varchar) as page_id,
    pages.dataset,
    pages.source,
    pages.source_sha256,
    pages.page,
    pages.form,
    pages.template,
    templates.text,
    pages.width_px,
    pages.height_px,
    pages.to_scan,
    pages.warp
from pages
inner join templates using (template)
where list_contains(cast($page_ids as uuid[]), pages.page_id)
order by pages.page_id
