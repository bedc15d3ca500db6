-- question: What does each cell of a document contain?
-- grain: One row per cell on the document's pages, or per digit in a field without dividers.
-- param document: path of the document or part of it, or the beginning of its sha256
-- param run: scoring run id or its beginning, dataset (its newest run), or 'latest' (default: latest)
-- param field: name of a field, or 'all' (default: all)
-- column source: path of the document
-- column page: page of the document, from 1
-- column field: name of the field
-- column position: position in the field, from 0
-- column state: digit, blank, or mark for the sign that fills an unused cell
-- column label: predicted digit, null if the run has no prediction for the cell
-- column confidence: calibrated probability of the label, 0 to 1
-- column not_a_digit: score that the image is not a digit, 0 to 1, null if the model has no such score
-- column probabilities: probabilities of the digits 0 to 9, given that the image is a digit
-- column ink: amount of ink, square millimetres of full ink
-- column box: cell on the registered page, pixels at 200 dpi
-- column source_box: cell on the original scan, pixels
-- column digit_id: id of the digit, null for a blank cell
with

-- Cast to a list: DuckDB 2.0 returns garbage for a fixed-size array that a left join leaves mostly null.
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
        settled_state(
            cells.state, cells.possible_mark, cells.is_like_mark, run_predictions.not_a_digit
        ) as state,
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
