-- question: Which pages were not read as a form, and why?
-- grain: One row per page that no template has read, with what was found last; newest first.
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
