-- question: How accurately does a run read form fields with a known truth?
-- grain: One row per form and field, after one row for all fields together.
-- param run: scoring run id or its beginning, dataset (its newest run), or 'latest' (default: latest)
-- param at_least: lowest confidence of a field that needs no check, 0 to 1 (default: 0.9)
-- column form: name of the form, null in the row for all fields
-- column field: name of the field, null in the row for all fields
-- column fields: fields with a known truth
-- column fields_right: fields whose value is correct
-- column field_accuracy_pct: percentage of fields whose value is correct
-- column raw_right: fields whose raw value, before any correction, is correct
-- column digits: digits in the true values
-- column digits_right: digits of the true values minus the edits that turn the raw values into them
-- column digit_accuracy_pct: digits_right as a percentage of digits
-- column straight_through_pct: percentage of fields that need no check: blank or confident, and not doubtful
-- column straight_through_wrong: wrong values among the fields that need no check
-- column wrong_corrections: fields that a rule corrected to a wrong value
with

-- Of a page that was read again with a corrected template, use the last reading.
readings as (
    select
        field_readings.form,
        field_readings.field,
        coalesce(field_readings.value_corrected, '') = field_truths.truth as is_right,
        coalesce(field_readings.value_read, '') = field_truths.truth as is_raw_right,
        length(field_truths.truth) as digits,
        greatest(
            length(field_truths.truth)
            - levenshtein(coalesce(field_readings.value_read, ''), field_truths.truth),
            0
        ) as digits_right,
        field_readings.reason_read is null
        and (
            field_readings.status_read = 'blank'
            or field_readings.confidence_read >= cast($at_least as double)
        )
            as goes_through,
        field_readings.status_read = 'corrected' as is_corrected
    from field_readings
    inner join field_truths using (field_id)
    where field_readings.scoring_run_id = cast($run as uuid)
    qualify field_readings.read_at
        = max(field_readings.read_at) over (partition by field_readings.source_sha256, field_readings.page)
),

final as (
    select
        form,
        field,
        count(*) as fields,
        count(*) filter (where is_right) as fields_right,
        round(100 * count(*) filter (where is_right) / count(*), 2) as field_accuracy_pct,
        count(*) filter (where is_raw_right) as raw_right,
        cast(sum(digits) as bigint) as digits,
        cast(sum(digits_right) as bigint) as digits_right,
        round(cast(100 * sum(digits_right) / nullif(sum(digits), 0) as double), 2) as digit_accuracy_pct,
        round(100 * count(*) filter (where goes_through) / count(*), 2) as straight_through_pct,
        count(*) filter (where goes_through and not is_right) as straight_through_wrong,
        count(*) filter (where is_corrected and not is_right) as wrong_corrections
    from readings
    group by grouping sets ((), (form, field))
    having count(*) > 0
)

select
    form, field, fields, fields_right, field_accuracy_pct, raw_right, digits, digits_right,
    digit_accuracy_pct, straight_through_pct, straight_through_wrong, wrong_corrections
from final
order by form nulls first, field nulls first
