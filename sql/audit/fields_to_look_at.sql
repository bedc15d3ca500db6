-- question: Which fields need a look, and why?
-- grain: One row per field of the run to look at, or whose confidence is low; least sure first.
-- param run: scoring run id, its beginning, or 'latest' (default: latest)
-- param below: confidence below which a field needs a look as well, 0 to 1 (default: 0.9)
-- param limit: most rows to list (default: 100)
-- column source: the document
-- column page: page of the document, from 1
-- column field: field of the form
-- column value: value as it counts
-- column raw_value: value of the most probable digits
-- column confidence: probability that the whole value is right, 0 to 1
-- column why: what speaks against the value
-- column form: form that the page is
-- column field_id: the field; its picture is in the table fields
with

-- A page that was read again, with a corrected template, counts as it was read last.
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
