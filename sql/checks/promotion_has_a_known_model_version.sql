-- question: Is every model version that a promotion event names recorded?
-- grain: One row per promotion event that names a version which is not.
-- column promotion_number: the event
-- column recorded_at: when it was recorded (UTC)
-- column action: register, promote, refuse or rollback
-- column model_name: the registered model
-- column model_version: version that is not recorded
-- column problem: what is wrong
with

named_versions as (
    select
        promotion_number,
        recorded_at,
        action,
        model_name,
        model_version,
        'the event is about a model version that is not recorded' as problem
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
