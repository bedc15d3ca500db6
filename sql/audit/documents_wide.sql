-- question: Which values does each document contain, with one column per field or choice?
-- grain: One row per document, or per copy if a document contains a form several times, by path.
-- pivot: field value
-- param run: scoring run id or its beginning, dataset (its newest run), or 'latest' (default: latest)
-- column source: path of the document
-- column copy: number of the copy within the document, from 1
-- column pages: pages of this copy that were read
-- column to_review: fields and choices that wait for a person
-- column reviewed_by: people who reviewed fields of this copy, null without a review
-- column decided_at: time of the last review, or of the reading (UTC)
-- column is_doubtful: true if a rule or a cell casts doubt on any of the values, whatever their confidence
-- column least_confidence: lowest confidence of the values, 0 to 1
-- column source_sha256: sha256 of the document's bytes
-- column field: name of the field or choice; each one of the templates has its own column
-- column value: final value, the content of that column
with

all_readings as (
    select
        source_sha256, source, form, page, template, read_at, field, value, is_doubtful, confidence,
        decision, reviewed_by, decided_at
    from field_readings
    where scoring_run_id = cast($run as uuid)
    union all
    select
        source_sha256, source, form, page, template, read_at, choice, value, is_doubtful, confidence,
        decision, null, scored_at
    from choice_readings
    where scoring_run_id = cast($run as uuid)
),

-- Of a document that was scanned again under the same path, use the newest scan that this run has read.
newest_scans as (
    select
        document_names.source,
        arg_max(document_names.source_sha256, document_names.found_at) as source_sha256
    from document_names
    inner join scoring_runs using (dataset)
    where
        scoring_runs.scoring_run_id = cast($run as uuid)
        and document_names.source_sha256 in (select source_sha256 from all_readings)
    group by document_names.source
),

-- Of a page that was read again with a corrected template, use the last reading.
readings as (
    select
        source_sha256, source, form, page, template, field, value, is_doubtful, confidence, decision,
        reviewed_by, decided_at
    from all_readings
    where source_sha256 in (select source_sha256 from newest_scans)
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

-- Choices come after the fields.
columns_of_templates as (
    select template, field, false as is_choice, field_number
    from template_fields
    union all
    select template, choice, true, choice_number
    from template_choices
),

-- A name that two forms share makes one column.
places as (
    select
        columns_of_templates.field,
        min((columns_of_templates.is_choice, columns_of_templates.field_number)) as field_number
    from columns_of_templates
    inner join (select distinct template from readings) as templates_used using (template)
    group by columns_of_templates.field
),

copies_of_documents as (
    select
        readings.source_sha256,
        min(readings.source) as source,
        copies.copy,
        count(distinct readings.page) as pages,
        count(*) filter (where readings.decision = 'review') as to_review,
        string_agg(distinct readings.reviewed_by, ', ' order by readings.reviewed_by) as reviewed_by,
        max(readings.decided_at) as decided_at,
        bool_or(readings.is_doubtful) as is_doubtful,
        min(readings.confidence) as least_confidence
    from readings
    inner join copies using (source_sha256, page)
    group by readings.source_sha256, copies.copy
),

-- If the forms of a document disagree on a field, show both values, so that a person can choose.
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
        copies_of_documents.to_review,
        copies_of_documents.reviewed_by,
        copies_of_documents.decided_at,
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

select
    source, copy, pages, to_review, reviewed_by, decided_at, is_doubtful, least_confidence, source_sha256,
    field, value
from final
order by source, copy, source_sha256, field_number, field
