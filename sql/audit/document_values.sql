-- question: Which values were read from one document?
-- grain: One row per field of the document that the run has read, in the order of its pages and templates.
-- param document: path of the document or a part of it, or the beginning of its sha256
-- param run: scoring run id, its beginning, or 'latest' (default: latest)
-- column source: the document
-- column page: page of the document, from 1
-- column form: form that the page is
-- column field: field of the form
-- column value: value as it counts: corrected where a rule asked for it, null where there is none
-- column raw_value: value of the most probable digits, with ? where something is no digit
-- column status: read, corrected, blank, rule_failed or unreadable
-- column confidence: probability that the whole value is right, 0 to 1
-- column broken_rule: rule that the raw value breaks, if any
-- column is_doubtful: whether a person should look
-- column reason: why
-- column box: field on the registered page, pixels at 200 an inch
-- column source_box: field on the scan, pixels
-- column field_id: the field; its picture is in the table fields
with

readings as (
    select
        source, source_sha256, page, form, field, field_number, value, raw_value, status, confidence,
        broken_rule, is_doubtful, reason, box, source_box, field_id
    from field_readings
    where scoring_run_id = cast($run as uuid)
),

final as (
    select
        source, page, form, field, value, raw_value, status, confidence, broken_rule, is_doubtful, reason,
        box, source_box, field_id, field_number
    from readings
    where contains(source, $document) or starts_with(source_sha256, lower($document))
)

select
    source, page, form, field, value, raw_value, status, confidence, broken_rule, is_doubtful, reason,
    box, source_box, field_id
from final
order by source, page, field_number, field_id
