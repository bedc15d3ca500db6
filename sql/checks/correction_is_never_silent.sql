-- question: Does every value that is not what was written say so, with the rule and both probabilities?
-- grain: One row per field value that does not.
-- column field_id: the field
-- column model_name: model that read it
-- column model_version: its version
-- column status: what the row says became of the value
-- column raw_value: value of the most probable digits
-- column value: value as it counts
-- column problem: what is wrong
with

compared as (
    select
        field_id,
        model_name,
        model_version,
        status,
        raw_value,
        value,
        case
            when status in ('read', 'rule_failed') and value is distinct from raw_value
                then 'another value counts than was read, and is not called corrected'
            when status in ('blank', 'unreadable') and value is not null
                then 'a value counts though none was read'
            when status = 'corrected' and value is not distinct from raw_value
                then 'the corrected value is the one that was read'
            when status in ('corrected', 'rule_failed') and broken_rule is null
                then 'no rule is named'
            when status = 'read' and broken_rule is not null
                then 'a rule is broken, and the value counts as read'
            when status in ('corrected', 'rule_failed', 'unreadable') and (not is_doubtful or reason is null)
                then 'nothing sends a person to look at it'
            when value is not null and (confidence is null or probability is null or raw_probability is null)
                then 'a probability is missing'
        end as problem
    from field_values
),

final as (
    select field_id, model_name, model_version, status, raw_value, value, problem
    from compared
    where problem is not null
)

select field_id, model_name, model_version, status, raw_value, value, problem
from final
order by field_id, model_name, model_version
