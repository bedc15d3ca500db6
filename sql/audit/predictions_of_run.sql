-- question: Which predictions did a run make?
-- grain: One row per prediction of the run, in the order of its shards.
-- param run: scoring run id or its beginning, dataset (its newest run), or 'latest' (default: latest)
-- param limit: maximum number of rows (default: 100)
-- column digit_id: id of the digit
-- column source: file or data set that contains the digit
-- column page: page of the source, from 1
-- column field: field of the form, null outside forms
-- column position: position in the field, or on the page outside forms, from 0
-- column label: predicted digit
-- column confidence: calibrated probability of the label, 0 to 1
-- column truth: true digit, null if unknown
-- column is_right: true if label equals truth, null if the truth is unknown
with

-- The first shards, up to the limit: the other shards are not scanned.
run_shards as (
    select
        scoring_run_shards.shard_score_id,
        scoring_run_shards.shard_fingerprint,
        scoring_run_shards.shard_position
    from scoring_run_shards
    inner join predictions using (shard_score_id)
    where scoring_run_shards.scoring_run_id = cast($run as uuid)
    group by
        scoring_run_shards.shard_score_id,
        scoring_run_shards.shard_fingerprint,
        scoring_run_shards.shard_position
    qualify
        sum(count(*)) over (order by scoring_run_shards.shard_position) - count(*) < cast($limit as bigint)
),

run_predictions as (
    select
        run_shards.shard_position,
        run_shards.shard_fingerprint,
        predictions.digit_id,
        predictions.label,
        predictions.confidence,
        predictions.truth
    from predictions
    inner join run_shards using (shard_score_id)
),

places as (
    select
        digits.shard_fingerprint, digits.digit_id, digits.source, digits.page, digits.field, digits.position
    from digits
    inner join (select distinct shard_fingerprint from run_shards) using (shard_fingerprint)
),

final as (
    select
        run_predictions.shard_position,
        run_predictions.digit_id,
        places.source,
        places.page,
        places.field,
        places.position,
        run_predictions.label,
        run_predictions.confidence,
        run_predictions.truth,
        run_predictions.label = run_predictions.truth as is_right
    from run_predictions
    left join places using (shard_fingerprint, digit_id)
)

select digit_id, source, page, field, position, label, confidence, truth, is_right
from final
order by shard_position, source, page, field, position, digit_id
limit cast($limit as bigint)
