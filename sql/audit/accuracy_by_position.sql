-- question: At which positions of a field are digits misread?
-- grain: One row per form, field and position in the field's value, for fields with a known truth.
-- param run: scoring run id or its beginning, dataset (its newest run), or 'latest' (default: latest)
-- column form: name of the form
-- column field: name of the field
-- column position: position of the digit in the value, from 1
-- column digits: digits at this position with a known truth
-- column correct: digits predicted correctly, before any rule corrected the value
-- column accuracy_pct: percentage of digits predicted correctly
-- column mean_confidence: mean confidence of the values that contain these digits, 0 to 1
with

-- Leave out values of the wrong length, whose digits have no matching positions. Of a page that was read
-- again with a corrected template, use the last reading.
readings as (
    select
        field_readings.form,
        field_readings.field,
        field_readings.value_read,
        field_readings.confidence_read as confidence,
        field_truths.truth
    from field_readings
    inner join field_truths using (field_id)
    where
        field_readings.scoring_run_id = cast($run as uuid)
        and length(field_readings.value_read) = length(field_truths.truth)
    qualify field_readings.read_at
        = max(field_readings.read_at) over (partition by field_readings.source_sha256, field_readings.page)
),

digits_of_values as (
    select form, field, value_read, confidence, truth, unnest(range(1, length(truth) + 1)) as position
    from readings
),

final as (
    select
        form,
        field,
        position,
        count(*) as digits,
        count(*) filter (where value_read[position] = truth[position]) as correct,
        round(
            100 * count(*) filter (where value_read[position] = truth[position]) / count(*), 2
        ) as accuracy_pct,
        avg(confidence) as mean_confidence
    from digits_of_values
    group by form, field, position
)

select form, field, position, digits, correct, accuracy_pct, mean_confidence
from final
order by form, field, position
