-- question: Does every page that was read have each field of its template once, and every other page none?
-- grain: One row per page and problem with its fields, cells or document.
-- column page_id: id of the page
-- column dataset: dataset of the page
-- column source: path of the document
-- column page: page of the document, from 1
-- column problem: description of the problem
with

page_rows as (
    select page_id, dataset, source, source_sha256, page, status, template
    from pages
),

known_documents as (
    select dataset, source_sha256, pages
    from documents
),

-- Compare sorted lists of names, so that a repeated field cannot stand in for a missing one.
expected_fields as (
    select template, list(field order by field) as fields
    from template_fields
    group by template
),

found_fields as (
    select page_id, list(field order by field) as fields
    from fields
    group by page_id
),

-- Further sheets on a page have numbers beyond the last page, in steps of the number of pages.
scanned_pages as (
    select distinct dataset, source_sha256, page as scanned_page
    from page_rows
),

found_cells as (
    select page_id, count(*) as cells, count(distinct (field_id, position)) as places
    from cells
    group by page_id
),

strays as (
    select page_id, 'fields belong to a page that does not exist' as problem
    from fields
    where page_id not in (select page_id from pages)
    union
    select page_id, 'cells belong to a field that their page does not have' as problem
    from cells
    where (page_id, field_id) not in (select (page_id, field_id) from fields)
),

compared as (
    select
        page_rows.page_id,
        case
            when known_documents.pages is null then 'the document is not recorded'
            when page_rows.page < 1
                or (page_rows.page > known_documents.pages and scanned_pages.scanned_page is null)
                then 'the document has no such page'
            when page_rows.status <> 'read' and found_fields.fields is not null
                then 'the page was not read but has fields'
            when page_rows.status = 'read' and found_fields.fields is distinct from expected_fields.fields
                then 'the fields differ from those of the template'
            when found_cells.cells > found_cells.places then 'several cells have the same position in a field'
        end as problem
    from page_rows
    left join known_documents using (dataset, source_sha256)
    left join scanned_pages
        on page_rows.dataset = scanned_pages.dataset
        and page_rows.source_sha256 = scanned_pages.source_sha256
        and scanned_pages.scanned_page = (page_rows.page - 1) % known_documents.pages + 1
    left join expected_fields using (template)
    left join found_fields using (page_id)
    left join found_cells using (page_id)
),

problems as (
    select page_id, problem
    from compared
    where problem is not null
    union all
    select page_id, problem
    from strays
),

final as (
    select problems.page_id, page_rows.dataset, page_rows.source, page_rows.page, problems.problem
    from problems
    left join page_rows using (page_id)
)

select page_id, dataset, source, page, problem
from final
order by page_id, problem
