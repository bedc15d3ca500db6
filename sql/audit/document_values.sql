-- question: Which values did a run read from a document?
-- grain: One row per field of the document that the run read, in the order of pages and template fields.
-- param document: path of the document or part of it, or the beginning of its sha256
-- param run: scoring run id, its beginning, or 'latest' (default: latest)
-- column source: path of the document
-- column page: page of the document, from 1
-- column form: name of the form
-- column field: name of the field
-- column value: final value, corrected if the raw value breaks a rule, null if the field has none
-- column raw_value: value formed by the most probable digits, with ? for cells that do not hold a digit
-- column status: read, corrected, blank, rule_failed or unreadable
-- column confidence: probability that the whole value is correct, 0 to 1
-- column broken_rule: rule that the raw value breaks, null if it breaks none
-- column is_doubtful: true if a person should check the value
-- column reason: reasons for the check, null if the field needs no check
-- column box: field on the registered page, pixels at 200 dpi
-- column source_box: field on the original scan, pixels
-- column field_id: id of the field; the table fields holds its picture
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
