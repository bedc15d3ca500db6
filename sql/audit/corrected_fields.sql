-- question: Which values did a rule correct?
-- grain: One row per field of the run whose value is not the most probable one, least probable first.
-- param run: scoring run id, its beginning, or 'latest' (default: latest)
-- param limit: most rows to list (default: 100)
-- column source: the document
-- column page: page of the document, from 1
-- column field: field of the form
-- column raw_value: value of the most probable digits
-- column value: the most probable value that keeps the rules
-- column rule: rule that the raw value breaks
-- column raw_probability: of the raw value, 0 to 1
-- column probability: of the corrected value, 0 to 1
-- column posterior: of the corrected value among all that keep the rules, at least; 0 to 1
-- column form: form that the page is
-- column field_id: the field
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
