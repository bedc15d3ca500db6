-- question: What do the documents say, one row each?
-- grain: One row per document, or per copy where a document holds a form several times, by path.
-- pivot: field value
-- param run: scoring run id, its beginning, or 'latest' (default: latest)
-- column source: the document
-- column copy: which copy of its forms, from 1
-- column pages: pages of that copy that were read
-- column is_doubtful: whether a rule or a cell speaks against any of its values, however sure
-- column least_confidence: confidence of its least sure value, 0 to 1
-- column source_sha256: sha256 of the document's bytes
-- column field: a column of its own for each field of the templates
-- column value: what that column holds
with

-- A page that was read again, with a corrected template, counts as it was read last.
readings as (
    select source_sha256, source, form, page, template, field, value, is_doubtful, confidence
    from field_readings
    where scoring_run_id = cast($run as uuid)
    qualify read_at = max(read_at) over (partition by source_sha256, page)
),

copies as (
    select
        source_sha256,
        page,
        row_number() over (partition by source_sha256, form order by page) as copy
    from readings
    group by source_sha256, form, page
),

-- The same field name on two forms is one column.
places as (
    select template_fields.field, min(template_fields.field_number) as field_number
    from template_fields
    inner join (select distinct template from readings) as templates_used using (template)
    group by template_fields.field
),

copies_of_documents as (
    select
        readings.source_sha256,
        min(readings.source) as source,
        copies.copy,
        count(distinct readings.page) as pages,
        bool_or(readings.is_doubtful) as is_doubtful,
        min(readings.confidence) as least_confidence
    from readings
    inner join copies using (source_sha256, page)
    group by readings.source_sha256, copies.copy
),

-- A document whose forms disagree on a field shows both values, for a person to choose from.
values_of_copies as (
    select
        readings.source_sha256,
        copies.copy,
        readings.field,
        string_agg(distinct readings.value, ' or ' order by readings.value) as value,
        count(distinct readings.value) > 1 as is_ambiguous
    from readings
    inner join copies using (source_sha256, page)
    group by readings.source_sha256, copies.copy, readings.field
),

final as (
    select
        copies_of_documents.source,
        copies_of_documents.copy,
        copies_of_documents.pages,
        copies_of_documents.is_doubtful
        or bool_or(coalesce(values_of_copies.is_ambiguous, false))
            over (partition by copies_of_documents.source_sha256, copies_of_documents.copy) as is_doubtful,
        copies_of_documents.least_confidence,
        copies_of_documents.source_sha256,
        places.field,
        values_of_copies.value,
        places.field_number
    from copies_of_documents
    cross join places
    left join values_of_copies
        on copies_of_documents.source_sha256 = values_of_copies.source_sha256
        and copies_of_documents.copy = values_of_copies.copy
        and places.field = values_of_copies.field
)

select source, copy, pages, is_doubtful, least_confidence, source_sha256, field, value
from final
order by source, copy, source_sha256, field_number, field
