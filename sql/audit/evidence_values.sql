-- question: What is the final value of this digit's field, where does it come from, and why?
-- grain: One row per model version that read the field, newest reading first; no row outside forms.
-- param digit: digit_id, or its beginning
-- column field: name of the field
-- column value: final value, null if blank or unreadable
-- column value_read: value formed by the most probable digits
-- column value_corrected: value after applying the rules, before any review
-- column origin: read, corrected by rule, or reviewed by NAME
-- column decision: accept, review, blank or reviewed
-- column reason: reasons for a review, null if the field needs none
-- column decided_at: time of the newest verdict, or of the reading (UTC)
-- column status: status of the final value
-- column broken_rule: rule that the value breaks, null if it breaks none
-- column confidence: probability that the final value is correct, 0 to 1, with 1 for reviewed digits
-- column model_version: model version that read the field, NAME/VERSION
-- column policy_number: policy that decides, null if the model version has none
-- column field_id: id of the field
with

fields_of_digit as (
    select distinct cells.field_id, fields.field
    from cells
    inner join fields using (field_id)
    where cells.digit_id = cast($digit as uuid)
),

final as (
    select
        fields_of_digit.field,
        field_values.value,
        field_values.value_read,
        field_values.value_corrected,
        field_values.origin,
        if(
            field_values.decision = 'accept' and held_runs.field_reason is not null,
            'review',
            field_values.decision
        ) as decision,
        if(
            field_values.decision = 'accept' and held_runs.field_reason is not null,
            held_runs.field_reason,
            field_values.reason
        ) as reason,
        field_values.decided_at,
        field_values.status,
        field_values.broken_rule,
        field_values.confidence,
        concat_ws('/', field_values.model_name, field_values.model_version) as model_version,
        field_values.policy_number,
        field_values.field_id,
        field_values.precision
    from field_values
    inner join fields_of_digit on field_values.field_id = fields_of_digit.field_id
    left join held_runs on field_values.scoring_run_id = held_runs.scoring_run_id
)

select
    field, value, value_read, value_corrected, origin, decision, reason, decided_at, status, broken_rule,
    confidence, model_version, policy_number, field_id
from final
order by model_version desc, precision, field_id
