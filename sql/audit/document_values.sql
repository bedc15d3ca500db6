-- question: Which values does a document contain?
-- grain: One row per field of the document that the run read, in the order of pages and template fields.
-- param document: path of the document or part of it, or the beginning of its sha256
-- param run: scoring run id or its beginning, dataset (its newest run), or 'latest' (default: latest)
-- column source: path of the document
-- column page: page of the document, from 1
-- column form: name of the form
-- column field: name of the field
-- column value: final value, null if the field is blank or unreadable
-- column value_read: value formed by the most probable digits, with ? for writing that is not a digit
-- column origin: read, corrected by rule, or reviewed by NAME
-- column decision: accept, review, blank or reviewed, by the policy in force and the verdicts of people
-- column reason: reasons for a review, null if the field needs none
-- column decided_at: time of the review, or of the reading (UTC)
-- column status: read, corrected, blank, rule_failed or unreadable
-- column confidence: probability that the final value is correct, 0 to 1, with 1 for reviewed digits
-- column broken_rule: rule that the value breaks, null if it breaks none
-- column is_doubtful: true if a rule or a cell casts doubt on the value, whatever its confidence
-- column box: field on the registered page, pixels at 200 dpi
-- column source_box: field on the original scan, pixels
-- column field_id: id of the field; the table fields holds its picture
with

readings as (
    select
        source, source_sha256, page, form, field, field_number, value, value_read, origin, decision, reason,
        decided_at, status, confidence, broken_rule, is_doubtful, box, source_box, field_id
    from field_readings
    where scoring_run_id = cast($run as uuid)
),

final as (
    select
        source, page, form, field, value, value_read, origin, decision, reason, decided_at, status,
        confidence, broken_rule, is_doubtful, box, source_box, field_id, field_number
    from readings
    where
        starts_with(source_sha256, lower($document))
        or (
            contains(source, $document)
            -- Of a document that was scanned again, the newest scan.
            and source_sha256 in (select source_sha256 from current_documents)
        )
)

select
    source, page, form, field, value, value_read, origin, decision, reason, decided_at, status, confidence,
    broken_rule, is_doubtful, box, source_box, field_id
from final
order by source, page, field_number, field_id
