-- question: Where do the model versions that read this digit come from, and who put them in charge?
-- grain: One row per event of a version that read the digit, oldest first.
-- param digit: digit_id, or its beginning
-- column model_version: the version
-- column architecture: its network
-- column training_run_id: MLflow run that trained it
-- column datasets: datasets it learned from
-- column training_fingerprint: fingerprint of their content
-- column trained_on: which digits of them
-- column weights_sha256: sha256 of its weights
-- column temperature: that its scores are divided by
-- column code_revision: revision of the code that trained it
-- column registered_at: when it was registered (UTC)
-- column registered_by: who registered it
-- column action: register, promote, refuse or rollback, null where nothing is recorded
-- column recorded_at: when that happened (UTC)
-- column actor: who did it
-- column reason: why
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
