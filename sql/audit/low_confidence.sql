-- question: Which digits of a run have the lowest confidence?
-- grain: One row per prediction of the run with a confidence below the limit, least confident first.
-- param run: scoring run id or its beginning, dataset (its newest run), or 'latest' (default: latest)
-- param below: confidence limit, 0 to 1 (default: 0.9)
-- param limit: maximum number of rows (default: 100)
-- column digit_id: id of the digit
-- column source: file or data set that contains the digit
-- column page: page of the source, from 1
-- column field: field of the form, null outside forms
-- column position: position in the field, or on the page outside forms, from 0
-- column label: predicted digit
-- column confidence: calibrated probability of the label, 0 to 1
-- column truth: true digit, null if unknown
with

run_shards as (
    select shard_score_id, shard_fingerprint
    from scoring_run_shards
    where scoring_run_id = cast($run as uuid)
),

marks as (
    select cells.digit_id, predictions.shard_score_id
    from cells
    inner join predictions using (digit_id)
    inner join run_shards using (shard_score_id)
    where settled_state(
        cells.state, cells.possible_mark, cells.is_like_mark, predictions.not_a_digit
    ) = 'mark'
),

unsure_predictions as (
    select
        run_shards.shard_fingerprint,
        predictions.digit_id,
        predictions.label,
        predictions.confidence,
        predictions.truth
    from predictions
    inner join run_shards using (shard_score_id)
    -- A mark in an unused cell of a form is not a digit.
    anti join marks using (digit_id)
    where predictions.confidence < cast($below as float)
),

least_sure as (
    select shard_fingerprint, digit_id, label, confidence, truth
    from unsure_predictions
    order by confidence, digit_id
    limit cast($limit as bigint)
),

final as (
    select
        least_sure.digit_id,
        digits.source,
        digits.page,
        digits.field,
        digits.position,
        least_sure.label,
        least_sure.confidence,
        least_sure.truth
    from least_sure
    left join digits using (shard_fingerprint, digit_id)
)

select digit_id, source, page, field, position, label, confidence, truth
from final
order by confidence, digit_id
