-- question: Which field values did a rule correct?
-- grain: One row per field of the run whose value a rule corrected, least probable value first.
-- param run: scoring run id or its beginning, dataset (its newest run), or 'latest' (default: latest)
-- param limit: maximum number of rows (default: 100)
-- column source: path of the document
-- column page: page of the document, from 1
-- column field: name of the field
-- column value_read: value formed by the most probable digits
-- column value_corrected: value after the correction
-- column value: final value
-- column origin: corrected by rule, or reviewed by NAME if a person decided since
-- column rule: rule that the value read breaks
-- column raw_probability: probability of the value read: the product of its digits' probabilities
-- column probability: the same for the corrected value
-- column posterior: lower bound of the corrected value's probability among all values that satisfy the rules
-- column form: name of the form
-- column field_id: id of the field
with

final as (
    select
        source,
        page,
        field,
        value_read,
        value_corrected,
        value,
        origin,
        broken_rule_read as rule,
        raw_probability,
        probability,
        posterior,
        form,
        field_id
    from field_readings
    where scoring_run_id = cast($run as uuid) and status_read = 'corrected'
)

select
    source, page, field, value_read, value_corrected, value, origin, rule, raw_probability, probability,
    posterior, form, field_id
from final
order by probability, source, page, field, field_id
limit cast($limit as bigint)
