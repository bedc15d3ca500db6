-- question: Do the aliases in the registry match the recorded promotions?
-- grain: One row per model and alias that is missing, points to another version, or was never recorded.
-- column model_name: registered model
-- column alias: challenger or champion
-- column recorded_version: version by the promotions table, null if the alias was never recorded
-- column registry_version: version in the registry, null if the alias is missing there
-- column problem: description of the problem
with

moves as (
    select model_name, alias, model_version, promotion_number
    from promotions
    where action <> 'refuse'
),

recorded_aliases as (
    select model_name, alias, arg_max(model_version, promotion_number) as recorded_version
    from moves
    group by model_name, alias
),

-- The pipeline does not move other aliases, so ignore them.
aliases_now as (
    select model_name, alias, model_version as registry_version
    from registry_aliases
    where alias in ('challenger', 'champion')
),

final as (
    select
        model_name,
        alias,
        recorded_aliases.recorded_version,
        aliases_now.registry_version,
        case
            when aliases_now.registry_version is null then 'the alias is missing in the registry'
            when recorded_aliases.recorded_version is null then 'the alias was set without a record'
            else 'the alias was moved without a record'
        end as problem
    from recorded_aliases
    full join aliases_now using (model_name, alias)
    where recorded_aliases.recorded_version is distinct from aliases_now.registry_version
)

select model_name, alias, recorded_version, registry_version, problem
from final
order by model_name, alias
