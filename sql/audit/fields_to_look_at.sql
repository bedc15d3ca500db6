-- question: Which fields should a person check, and why?
-- grain: One row per doubtful or low-confidence field of the run, least confident first.
-- param run: scoring run id, its beginning, or 'latest' (default: latest)
-- param below: confidence below which a field needs a check, 0 to 1 (default: 0.9)
-- param limit: maximum number of rows (default: 100)
-- column source: path of the document
-- column page: page of the document, from 1
-- column field: name of the field
-- column value: final value, null if the field has none
-- column raw_value: value formed by the most probable digits
-- column confidence: probability that the whole value is correct, 0 to 1
-- column why: reasons for the check
-- column form: name of the form
-- column field_id: id of the field; the table fields holds its picture
with

-- Of a page that was read again with a corrected template, use the last reading.
readings as (
    select source, page, form, field, value, raw_value, confidence, is_doubtful, reason, field_id
    from field_readings
    where scoring_run_id = cast($run as uuid)
    qualify read_at = max(read_at) over (partition by source_sha256, page)
),

final as (
    select
        source,
        page,
        field,
        value,
        raw_value,
        confidence,
        coalesce(reason, 'unsure: confidence below ' || $below) as why,
        form,
        field_id
    from readings
    where is_doubtful or confidence < cast($below as double)
)

select source, page, field, value, raw_value, confidence, why, form, field_id
from final
order by confidence nulls first, source, page, field, field_id
limit cast($limit as bigint)
