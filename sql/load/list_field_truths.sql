-- List the fields of a run with a value and a known truth, as evidence for a policy. Of a page that was read
-- again, use the last reading.
select
    field_readings.field_id,
    field_readings.form,
    field_readings.confidence_read as confidence,
    field_readings.reason_read is not null or field_readings.status_read <> 'read' as needs_look,
    coalesce(field_readings.value_corrected, '') = field_truths.truth as is_right
from field_readings
inner join field_truths using (field_id)
where field_readings.scoring_run_id = $scoring_run_id and field_readings.status_read <> 'blank'
qualify read_at = max(read_at) over (partition by source_sha256, page)
order by field_readings.field_id
