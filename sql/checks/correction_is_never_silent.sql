-- question: Is every value that differs from the raw value marked as corrected, with rule and probabilities?
-- grain: One row per field value where this is false.
-- column field_id: id of the field
-- column model_name: registered model that read the field
-- column model_version: version of the model
-- column status: stored status of the value
-- column raw_value: value formed by the most probable digits
-- column value: final value
-- column problem: description of the problem
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
                then 'the value differs from the raw value but is not marked as corrected'
            when status in ('blank', 'unreadable') and value is not null
                then 'a blank or unreadable field has a value'
            when status = 'corrected' and value is not distinct from raw_value
                then 'the corrected value equals the raw value'
            when status in ('corrected', 'rule_failed') and broken_rule is null
                then 'the broken rule is missing'
            when status = 'read' and broken_rule is not null
                then 'the value breaks a rule but is marked as read'
            when status in ('corrected', 'rule_failed', 'unreadable') and (not is_doubtful or reason is null)
                then 'the field is not marked as doubtful with a reason'
            when value is not null and (confidence is null or probability is null or raw_probability is null)
                then 'a probability is missing'
        end as problem
    from values_read
),

final as (
    select field_id, model_name, model_version, status, raw_value, value, problem
    from compared
    where problem is not null
)

select field_id, model_name, model_version, status, raw_value, value, problem
from final
order by field_id, model_name, model_version
