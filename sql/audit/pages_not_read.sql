-- question: Which pages were not read as a form, and why?
-- grain: One row per page that was rejected, fits no template, is blank or repeats another; newest first.
-- param dataset: NAME/SPLIT, or 'all' (default: all)
-- param limit: most rows to list (default: 100)
-- column read_at: when (UTC)
-- column dataset: dataset that the page was meant for
-- column source: the document
-- column page: page of the document, from 1
-- column status: rejected, unmatched, blank or duplicate
-- column reason: why
-- column form: form that it is most like, if any
-- column residual_px: how far it lies beside that form, pixels of the registered page
-- column duplicate_of: page that has the same picture
-- column page_id: the page
with

final as (
    select read_at, dataset, source, page, status, reason, form, residual_px, duplicate_of, page_id
    from pages
    where status <> 'read' and ($dataset = 'all' or dataset = $dataset)
)

select read_at, dataset, source, page, status, reason, form, residual_px, duplicate_of, page_id
from final
order by read_at desc, source, page, page_id
limit cast($limit as bigint)
