-- question: Which model versions are recorded, and which of them is champion?
-- grain: One row per model version, oldest first.
-- param model: registered model, or 'all' (default: all)
-- column version: model and version, such as digits/3
-- column aliases: champion and challenger, as the recorded promotions leave them
-- column architecture: network that was trained
-- column recipe: how it was trained
-- column test_accuracy: share of the test digits read right, 0 to 1, null without a test set
-- column datasets: datasets that the version learned from, separated by commas, null if not recorded
-- column registered_at: when it was registered (UTC)
-- column actor: who trained it
with

versions as (
    select
        model_name,
        model_version,
        architecture,
        recipe,
        test_accuracy,
        datasets,
        registered_at,
        actor
    from model_versions
    where $model = 'all' or model_name = $model
),

-- The newest event decides where an alias points; a refusal moves none.
pointed_at as (
    select
        model_name,
        alias,
        arg_max(model_version, promotion_number) as model_version
    from promotions
    where action <> 'refuse'
    group by model_name, alias
),

aliases as (
    select model_name, model_version, string_agg(alias, ', ' order by alias) as aliases
    from pointed_at
    group by model_name, model_version
),

final as (
    select
        versions.model_name,
        versions.model_version,
        concat(versions.model_name, '/', versions.model_version) as version,
        aliases.aliases,
        versions.architecture,
        versions.recipe,
        versions.test_accuracy,
        versions.datasets,
        versions.registered_at,
        versions.actor
    from versions
    left join aliases using (model_name, model_version)
)

select version, aliases, architecture, recipe, test_accuracy, datasets, registered_at, actor
from final
order by model_name, model_version
