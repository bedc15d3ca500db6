-- question: Where in a field are digits misread?
-- grain: One row per form, field and position in the field's value, for fields whose truth is known.
-- param run: scoring run id, its beginning, or 'latest' (default: latest)
-- column form: the form
-- column field: field of the form
-- column position: place of the digit in the value, from 1
-- column digits: digits there with a known truth
-- column correct: those read rightly, before any correction by a rule
-- column accuracy_pct: their share, per cent
-- column mean_confidence: mean of the values' confidence, 0 to 1
with

-- A value with a digit too many or too few has no position for each of them. A page that was read again,
-- with a corrected template, counts as it was read last.
readings as (
    select
        field_readings.form,
        field_readings.field,
        field_readings.raw_value,
        field_readings.confidence,
        field_truths.truth
    from field_readings
    inner join field_truths using (field_id)
    where
        field_readings.scoring_run_id = cast($run as uuid)
        and length(field_readings.raw_value) = length(field_truths.truth)
    qualify field_readings.read_at
        = max(field_readings.read_at) over (partition by field_readings.source_sha256, field_readings.page)
),

digits_of_values as (
    select form, field, raw_value, confidence, truth, unnest(range(1, length(truth) + 1)) as position
    from readings
),

final as (
    select
        form,
        field,
        position,
        count(*) as digits,
        count(*) filter (where raw_value[position] = truth[position]) as correct,
        round(
            100 * count(*) filter (where raw_value[position] = truth[position]) / count(*), 2
        ) as accuracy_pct,
        avg(confidence) as mean_confidence
    from digits_of_values
    group by form, field, position
)

select form, field, position, digits, correct, accuracy_pct, mean_confidence
from final
order by form, field, position
