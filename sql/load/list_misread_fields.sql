-- Lists the fields of a run whose value is not the truth, with their pictures.
select
    field_readings.source,
    field_readings.page,
    field_readings.form,
    field_readings.field,
    field_readings.value,
    field_readings.raw_value,
    field_readings.confidence,
    field_truths.truth,
    fields.picture
from field_readings
inner join field_truths using (field_id)
inner join fields using (field_id)
where
    field_readings.scoring_run_id = $scoring_run_id
    and coalesce(field_readings.value, '') <> field_truths.truth
order by
    field_readings.confidence desc nulls last,
    field_readings.source,
    field_readings.page,
    field_readings.field_number
