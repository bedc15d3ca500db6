-- question: Which boxes and bubbles of a document are marked?
-- grain: One row per choice of the document, in the order of pages and template choices.
-- param document: path of the document or part of it, or the beginning of its sha256
-- param run: scoring run id or its beginning, dataset (its newest run), or 'latest' (default: latest)
-- column source: path of the document
-- column page: page of the document, from 1
-- column form: name of the form
-- column choice: name of the choice
-- column kind: one, many or digits
-- column value: options that are marked, or the digits, null if nothing is marked or this is unknown
-- column value_read: the same, with ? for what is unknown, null if nothing is marked
-- column decision: accept, review or blank
-- column reason: reasons for a review, null if the choice needs none
-- column confidence: probability that every option is read right, 0 to 1
-- column coverage: largest share of an option that is covered with ink, 0 to 1
-- column box: choice on the registered page, pixels at 200 dpi
-- column source_box: choice on the original scan, pixels
-- column choice_id: id of the choice; the table choice_options has each option
with

readings as (
    select
        source, source_sha256, page, form, choice, choice_number, kind, value, value_read, decision, reason,
        confidence, box, source_box, choice_id
    from choice_readings
    where scoring_run_id = cast($run as uuid)
),

darkest_options as (
    select choice_id, max(coverage) as coverage
    from choice_options
    group by choice_id
),

final as (
    select
        readings.source,
        readings.page,
        readings.form,
        readings.choice,
        readings.kind,
        readings.value,
        readings.value_read,
        readings.decision,
        readings.reason,
        readings.confidence,
        darkest_options.coverage,
        readings.box,
        readings.source_box,
        readings.choice_id,
        readings.choice_number
    from readings
    left join darkest_options using (choice_id)
    where
        starts_with(readings.source_sha256, lower($document))
        or (
            contains(readings.source, $document)
            -- Of a document that was scanned again, the newest scan.
            and readings.source_sha256 in (select source_sha256 from current_documents)
        )
)

select
    source, page, form, choice, kind, value, value_read, decision, reason, confidence, coverage, box,
    source_box, choice_id
from final
order by source, page, choice_number, choice_id
