-- question: How were the model versions that scored this digit trained, and who promoted them?
-- grain: One row per version and promotion event, or per version without events, oldest event first.
-- param digit: digit_id, or its beginning
-- column model_version: the model version, NAME/VERSION
-- column architecture: network architecture
-- column training_run_id: MLflow run that trained it
-- column datasets: datasets that it was trained on
-- column training_fingerprint: fingerprint of the training digits
-- column trained_on: part of the datasets that it was trained on
-- column weights_sha256: sha256 of its weights
-- column temperature: calibration temperature that divides its scores
-- column code_revision: revision of the code that trained it
-- column registered_at: time of registration (UTC)
-- column registered_by: user who registered it
-- column action: register, promote, refuse or rollback, null if no event is recorded
-- column recorded_at: time of the event (UTC)
-- column actor: user who caused the event
-- column reason: reason for the event
with

readers as (
    select distinct shard_scores.model_name, shard_scores.model_version
    from predictions
    inner join shard_scores using (shard_score_id)
    where predictions.digit_id = cast($digit as uuid)
),

final as (
    select
        concat_ws('/', model_versions.model_name, model_versions.model_version) as model_version,
        model_versions.architecture,
        model_versions.training_run_id,
        model_versions.datasets,
        model_versions.training_fingerprint,
        model_versions.trained_on,
        model_versions.weights_sha256,
        model_versions.temperature,
        model_versions.code_revision,
        model_versions.registered_at,
        model_versions.actor as registered_by,
        promotions.action,
        promotions.recorded_at,
        promotions.actor,
        promotions.reason,
        promotions.promotion_number
    from readers
    inner join model_versions using (model_name, model_version)
    left join promotions using (model_name, model_version)
)

select
    model_version, architecture, training_run_id, datasets, training_fingerprint, trained_on, weights_sha256,
    temperature, code_revision, registered_at, registered_by, action, recorded_at, actor, reason
from final
order by model_version, promotion_number
