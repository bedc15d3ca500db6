-- question: Does every model version that a row names still load, with the weights that were recorded?
-- grain: One row per model version that does not load, or loads other weights.
-- column model_name: registered model
-- column model_version: version
-- column recorded_sha256: sha256 of the weights in the database, null if the version was never recorded
-- column found_sha256: sha256 of the weights in the registry, null if the version does not load
-- column problem: description of the problem
with

final as (
    select
        loaded_versions.model_name,
        loaded_versions.model_version,
        model_versions.weights_sha256 as recorded_sha256,
        loaded_versions.weights_sha256 as found_sha256,
        coalesce(loaded_versions.problem, 'the weights differ from the recorded ones') as problem
    from loaded_versions
    left join model_versions using (model_name, model_version)
    where
        loaded_versions.problem is not null
        or loaded_versions.weights_sha256 <> model_versions.weights_sha256
)

select model_name, model_version, recorded_sha256, found_sha256, problem
from final
order by model_name, model_version
