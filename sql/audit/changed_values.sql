-- question: Which values did a person or a rule change, or a person confirm?
-- grain: One row per field of the run whose final value is not simply the value read, newest decision first.
-- param run: scoring run id or its beginning, dataset (its newest run), or 'latest' (default: latest)
-- param limit: maximum number of rows (default: 100)
-- column source: path of the document
-- column page: page of the document, from 1
-- column field: name of the field
-- column value: final value, null if blank or unreadable
-- column value_read: value formed by the most probable digits
-- column value_corrected: value after applying the rules, before any review
-- column is_changed: true if the final value differs from the corrected value
-- column origin: corrected by rule, or reviewed by NAME
-- column decided_at: time of the decision (UTC)
-- column broken_rule: rule that the value breaks, null if it breaks none
-- column form: name of the form
-- column field_id: id of the field
with

final as (
    select
        source,
        page,
        field,
        value,
        value_read,
        value_corrected,
        value is distinct from value_corrected as is_changed,
        origin,
        decided_at,
        broken_rule,
        form,
        field_id
    from field_readings
    where scoring_run_id = cast($run as uuid) and origin <> 'read'
)

select
    source, page, field, value, value_read, value_corrected, is_changed, origin, decided_at, broken_rule,
    form, field_id
from final
order by decided_at desc, source, page, field, field_id
limit cast($limit as bigint)
