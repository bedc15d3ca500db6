-- question: Which pages were not read as a form, and why?
-- grain: One row per page that was never read, with the result of the last attempt, newest first.
-- param dataset: NAME/SPLIT, or 'all' (default: all)
-- param limit: maximum number of rows (default: 100)
-- column read_at: time of the last attempt (UTC)
-- column dataset: dataset that the page was ingested into
-- column source: path of the document
-- column page: page of the document, from 1
-- column status: rejected, unmatched, blank or duplicate
-- column reason: reason why the page was not read
-- column form: most similar form, null if no form is similar
-- column residual_px: root mean square error of the fit to that form, pixels of the registered page
-- column duplicate_of: id of the page with the same picture, null if the page is not a duplicate
-- column page_id: id of the page
with

final as (
    select read_at, dataset, source, page, status, reason, form, residual_px, duplicate_of, page_id
    from pages
    where $dataset = 'all' or dataset = $dataset
    qualify
        status <> 'read'
        and row_number() over (
            partition by dataset, source_sha256, page order by status = 'read' desc, read_at desc, page_id
        ) = 1
)

select read_at, dataset, source, page, status, reason, form, residual_px, duplicate_of, page_id
from final
order by read_at desc, source, page, page_id
limit cast($limit as bigint)
