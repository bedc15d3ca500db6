-- question: Which predictions exist for a digit, by which model, when and by whom?
-- grain: One row per prediction ever made for the digit, oldest first.
-- param digit: digit_id, or its beginning
-- column scored_at: time when the shard was scored (UTC)
-- column model_name: registered model
-- column model_version: version of the model
-- column label: predicted digit
-- column confidence: calibrated probability of the label, 0 to 1
-- column truth: true digit, null if unknown
-- column actor: user who started the scoring
-- column precision: arithmetic of the model, float32 or fast
-- column device: device that ran the model
-- column runs: ids of the scoring runs that contain the prediction, oldest first
-- column datasets: datasets of these runs
-- column source: file or data set that contains the digit
-- column page: page of the source, from 1
-- column field: field of the form, null outside forms
-- column position: position in the field, or on the page outside forms, from 0
-- column shard_score_id: id of the shard score that contains the prediction
with

digit_predictions as (
    select
        predictions.shard_score_id,
        predictions.label,
        predictions.confidence,
        predictions.truth,
        shard_scores.shard_fingerprint,
        shard_scores.scored_at,
        shard_scores.model_name,
        shard_scores.model_version,
        shard_scores.actor,
        shard_scores.precision,
        shard_scores.device
    from predictions
    left join shard_scores using (shard_score_id)
    where predictions.digit_id = cast($digit as uuid)
),

-- Scan only the shards that contain the digit.
digit_places as (
    select
        digits.shard_fingerprint,
        any_value(digits.source) as source,
        any_value(digits.page) as page,
        any_value(digits.field) as field,
        any_value(digits.position) as position
    from digits
    inner join (select distinct shard_fingerprint from digit_predictions) using (shard_fingerprint)
    where digits.digit_id = cast($digit as uuid)
    group by digits.shard_fingerprint
),

runs_of_shard as (
    select
        scoring_run_shards.shard_score_id,
        string_agg(
            cast(scoring_runs.scoring_run_id as varchar), ', '
            order by scoring_runs.started_at, scoring_runs.scoring_run_id
        ) as runs,
        string_agg(distinct scoring_runs.dataset, ', ' order by scoring_runs.dataset) as datasets
    from scoring_run_shards
    inner join scoring_runs using (scoring_run_id)
    where scoring_run_shards.shard_score_id in (select shard_score_id from digit_predictions)
    group by scoring_run_shards.shard_score_id
),

final as (
    select
        digit_predictions.scored_at,
        digit_predictions.model_name,
        digit_predictions.model_version,
        digit_predictions.label,
        digit_predictions.confidence,
        digit_predictions.truth,
        digit_predictions.actor,
        digit_predictions.precision,
        digit_predictions.device,
        runs_of_shard.runs,
        runs_of_shard.datasets,
        digit_places.source,
        digit_places.page,
        digit_places.field,
        digit_places.position,
        digit_predictions.shard_score_id
    from digit_predictions
    left join runs_of_shard using (shard_score_id)
    left join digit_places using (shard_fingerprint)
)

select
    scored_at,
    model_name,
    model_version,
    label,
    confidence,
    truth,
    actor,
    precision,
    device,
    runs,
    datasets,
    source,
    page,
    field,
    position,
    shard_score_id
from final
order by scored_at, shard_score_id
