-- question: Which field values did a rule correct?
-- grain: One row per field of the run whose value a rule corrected, least probable value first.
-- param run: scoring run id, its beginning, or 'latest' (default: latest)
-- param limit: maximum number of rows (default: 100)
-- column source: path of the document
-- column page: page of the document, from 1
-- column field: name of the field
-- column raw_value: value formed by the most probable digits
-- column value: most probable value that satisfies the rules
-- column rule: rule that the raw value breaks
-- column raw_probability: probability of the raw value, 0 to 1
-- column probability: probability of the corrected value, 0 to 1
-- column posterior: probability of the corrected value among all that satisfy the rules, lower bound, 0 to 1
-- column form: name of the form
-- column field_id: id of the field
with

final as (
    select
        source,
        page,
        field,
        raw_value,
        value,
        broken_rule as rule,
        raw_probability,
        probability,
        posterior,
        form,
        field_id
    from field_readings
    where scoring_run_id = cast($run as uuid) and status = 'corrected'
)

select source, page, field, raw_value, value, rule, raw_probability, probability, posterior, form, field_id
from final
order by probability, source, page, field, field_id
limit cast($limit as bigint)
