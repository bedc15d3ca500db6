-- question: Is every model version that a promotion event names recorded?
-- grain: One row per promotion event and version that is not recorded.
-- column promotion_number: number of the event
-- column recorded_at: time of the event (UTC)
-- column action: register, promote, refuse or rollback
-- column model_name: registered model
-- column model_version: version that is not recorded
-- column problem: description of the problem
with

named_versions as (
    select
        promotion_number,
        recorded_at,
        action,
        model_name,
        model_version,
        'the model version of the event is not recorded' as problem
    from promotions
    union all
    select
        promotion_number,
        recorded_at,
        action,
        model_name,
        former_version as model_version,
        'the former version is not recorded' as problem
    from promotions
    where former_version is not null
),

final as (
    select
        named_versions.promotion_number,
        named_versions.recorded_at,
        named_versions.action,
        named_versions.model_name,
        named_versions.model_version,
        named_versions.problem
    from named_versions
    anti join model_versions using (model_name, model_version)
)

select promotion_number, recorded_at, action, model_name, model_version, problem
from final
order by promotion_number, problem
