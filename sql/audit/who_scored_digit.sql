-- question: Which model versions scored this digit, and how were they trained?
-- grain: One row per model version that scored the digit, newest version first.
-- param digit: digit_id, or its beginning
-- column model_name: registered model
-- column model_version: version of the model
-- column architecture: network architecture, null if the version is not recorded
-- column recipe: training recipe
-- column training_run_id: MLflow run that trained it
-- column training_fingerprint: fingerprint of the training digits
-- column weights_sha256: sha256 of its weights
-- column code_revision: revision of the code that trained it
-- column predictions: number of predictions for the digit
-- column first_scored_at: time of the first prediction (UTC)
-- column last_scored_at: time of the last prediction (UTC)
-- column source: file or data set that contains the digit
-- column page: page of the source, from 1
-- column position: position in the field, or on the page outside forms, from 0
with

digit_predictions as (
    select
        shard_scores.shard_fingerprint,
        shard_scores.model_name,
        shard_scores.model_version,
        shard_scores.scored_at
    from predictions
    inner join shard_scores using (shard_score_id)
    where predictions.digit_id = cast($digit as uuid)
),

-- Scan only the shards that contain the digit.
digit_places as (
    select
        digits.shard_fingerprint,
        any_value(digits.source) as source,
        any_value(digits.page) as page,
        any_value(digits.position) as position
    from digits
    inner join (select distinct shard_fingerprint from digit_predictions) using (shard_fingerprint)
    where digits.digit_id = cast($digit as uuid)
    group by digits.shard_fingerprint
),

scores_of_digit as (
    select
        digit_predictions.model_name,
        digit_predictions.model_version,
        count(*) as predictions,
        min(digit_predictions.scored_at) as first_scored_at,
        max(digit_predictions.scored_at) as last_scored_at,
        min(digit_places.source) as source,
        min(digit_places.page) as page,
        min(digit_places.position) as position
    from digit_predictions
    left join digit_places using (shard_fingerprint)
    group by digit_predictions.model_name, digit_predictions.model_version
),

final as (
    select
        scores_of_digit.model_name,
        scores_of_digit.model_version,
        model_versions.architecture,
        model_versions.recipe,
        model_versions.training_run_id,
        model_versions.training_fingerprint,
        model_versions.weights_sha256,
        model_versions.code_revision,
        scores_of_digit.predictions,
        scores_of_digit.first_scored_at,
        scores_of_digit.last_scored_at,
        scores_of_digit.source,
        scores_of_digit.page,
        scores_of_digit.position
    from scores_of_digit
    left join model_versions using (model_name, model_version)
)

select
    model_name,
    model_version,
    architecture,
    recipe,
    training_run_id,
    training_fingerprint,
    weights_sha256,
    code_revision,
    predictions,
    first_scored_at,
    last_scored_at,
    source,
    page,
    position
from final
order by model_name, model_version desc
