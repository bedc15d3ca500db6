-- question: Are the registry's aliases where the promotions table put them?
-- grain: One row per model and alias that points elsewhere, is gone, or was never recorded.
-- column model_name: the registered model
-- column alias: challenger or champion
-- column recorded_version: version the promotions table put it on, null when it never did
-- column registry_version: version it points to in the registry, null when it points nowhere
-- column problem: what is wrong
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

-- Other aliases are their owners' business: nothing here moves them.
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
            when aliases_now.registry_version is null then 'the registry has lost the alias'
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
