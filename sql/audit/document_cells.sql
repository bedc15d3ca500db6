-- question: What is in each cell of a document's fields?
-- grain: One row per cell, or digit of a box without dividers, of the document's pages that were read.
-- param document: path of the document or a part of it, or the beginning of its sha256
-- param run: scoring run id, its beginning, or 'latest' (default: latest)
-- param field: a field, or 'all' (default: all)
-- column source: the document
-- column page: page of the document, from 1
-- column field: field of the form
-- column position: place in the field, from 0
-- column state: digit, blank or mark
-- column label: most probable digit, null where nothing was read
-- column confidence: calibrated probability of the label, 0 to 1
-- column not_a_digit: probability that it is none of the ten, 0 to 1, where the network gives one
-- column probabilities: of the ten digits, given that it is one
-- column ink: amount of ink, square millimetres of full ink
-- column box: cell on the registered page, pixels at 200 an inch
-- column source_box: cell on the scan, pixels
-- column digit_id: the digit, null where the cell is blank
with

-- As a list: of a fixed-size array that a left join leaves null in most rows, DuckDB 2.0 returns garbage.
run_predictions as (
    select
        predictions.digit_id,
        predictions.label,
        predictions.confidence,
        predictions.not_a_digit,
        cast(predictions.probabilities as float[]) as probabilities
    from predictions
    inner join scoring_run_shards using (shard_score_id)
    where scoring_run_shards.scoring_run_id = cast($run as uuid)
),

document_pages as (
    select pages.page_id, pages.source, pages.page
    from pages
    inner join scoring_runs using (dataset)
    where
        scoring_runs.scoring_run_id = cast($run as uuid)
        and pages.status = 'read'
        and (contains(pages.source, $document) or starts_with(pages.source_sha256, lower($document)))
),

final as (
    select
        document_pages.source,
        document_pages.page,
        fields.field,
        cells.position,
        cells.state,
        run_predictions.label,
        run_predictions.confidence,
        run_predictions.not_a_digit,
        run_predictions.probabilities,
        cells.ink,
        cells.box,
        cells.source_box,
        cells.digit_id,
        fields.field_number,
        cells.field_id
    from document_pages
    inner join fields using (page_id)
    inner join cells using (field_id)
    left join run_predictions using (digit_id)
    where $field = 'all' or fields.field = $field
)

select
    source, page, field, position, state, label, confidence, not_a_digit, probabilities, ink, box,
    source_box, digit_id
from final
order by source, page, field_number, field_id, position
