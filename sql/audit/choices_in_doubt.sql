-- question: Which choices should a person look at, and why?
-- grain: One row per choice of a page that waits for a person, by path.
-- param run: scoring run id or its beginning, dataset (its newest run), or 'latest' (default: latest)
-- param limit: maximum number of rows (default: 1000)
-- column source: path of the document
-- column page: page of the document, from 1
-- column form: name of the form
-- column choice: name of the choice
-- column value: options that are marked, or the digits, null if this is unknown
-- column value_read: the same, with ? for what is unknown, null if nothing is marked
-- column reason: reasons; the first word of each never changes, such as faint, touch, several or differs
-- column confidence: probability that every option is read right, 0 to 1
-- column written: digits in the field that the marks check, null without such a field
-- column box: choice on the registered page, pixels at 200 dpi
-- column source_box: choice on the original scan, pixels
-- column choice_id: id of the choice; the table choices holds its picture
with

doubts as (
    select
        scoring_run_id, source, source_sha256, page, page_id, form, choice, choice_number, checks, value,
        value_read, reason, confidence, box, source_box, choice_id
    from choice_readings
    where
        scoring_run_id = cast($run as uuid)
        and is_doubtful
        -- Of a document that was scanned again, the newest scan.
        and source_sha256 in (select source_sha256 from current_documents)
),

final as (
    select
        doubts.source,
        doubts.page,
        doubts.form,
        doubts.choice,
        doubts.value,
        doubts.value_read,
        doubts.reason,
        doubts.confidence,
        field_readings.value_read as written,
        doubts.box,
        doubts.source_box,
        doubts.choice_id,
        doubts.choice_number
    from doubts
    left join field_readings
        on doubts.scoring_run_id = field_readings.scoring_run_id
        and doubts.page_id = field_readings.page_id
        and doubts.checks = field_readings.field
)

select
    source, page, form, choice, value, value_read, reason, confidence, written, box, source_box, choice_id
from final
order by source, page, choice_number, choice_id
limit cast($limit as bigint)
