-- List the misread fields of a run with their pictures. Of a page that was read again with a corrected
-- template, use the last reading.
with

readings as (
    select
        source, page, form, field, field_number, field_id, value_corrected as value,
        value_read as raw_value, confidence_read as confidence, truth
    from field_readings
    inner join field_truths using (field_id)
    where scoring_run_id = $scoring_run_id
    qualify read_at = max(read_at) over (partition by source_sha256, page)
)

select
    readings.source,
    readings.page,
    readings.form,
    readings.field,
    readings.value,
    readings.raw_value,
    readings.confidence,
    readings.truth,
    fields.picture
from readings
inner join fields using (field_id)
where coalesce(readings.value, '') <> readings.truth
order by
    readings.confidence desc nulls last,
    readings.source,
    readings.page,
    readings.field_number
