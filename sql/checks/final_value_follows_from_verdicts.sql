-- question: Does every reviewed field have the final value that the newest verdicts give it?
-- grain: One row per field and reader where this is false.
-- column field_id: id of the field
-- column model_name: registered model that read the field
-- column model_version: version of the model
-- column value: stored final value, null if blank or unreadable
-- column expected: value that follows from the verdicts, null if blank or unreadable
-- column problem: description of the problem
with

digits_reviewed as (
    select
        cells.field_id,
        max(digit_verdicts.review_number) as review_number,
        arg_max(digit_verdicts.actor, digit_verdicts.review_number) as actor
    from digit_verdicts
    inner join cells using (digit_id)
    group by cells.field_id
),

-- Verdicts on digits replace a verdict on the field if they are newer and it has a verdict on each digit.
fields_reviewed as (
    select
        values_read.field_id,
        values_read.model_name,
        values_read.model_version,
        values_read.preprocessing_fingerprint,
        values_read.precision,
        -- The digits of the value, and its form: a minus, and the digits before the separator.
        regexp_replace(values_read.value, '[-.]', '', 'g') as value,
        starts_with(values_read.raw_value, '-') as has_minus,
        nullif(
            length(regexp_extract(values_read.raw_value, '^-?([^.]*)[.]', 1)), 0
        ) as digits_before_point,
        values_read.cells_read,
        field_verdicts.value as typed,
        field_verdicts.field_id is not null
        and not (
            field_verdicts.has_all_digits
            and coalesce(digits_reviewed.review_number > field_verdicts.review_number, false)
        ) as is_typed,
        if(is_typed, field_verdicts.actor, digits_reviewed.actor) as actor
    from values_read
    left join digits_reviewed using (field_id)
    left join field_verdicts using (field_id)
    where digits_reviewed.field_id is not null or field_verdicts.field_id is not null
),

cells_of_fields as (
    select
        field_id,
        model_name,
        model_version,
        preprocessing_fingerprint,
        precision,
        value,
        has_minus,
        digits_before_point,
        len(list_filter(cells_read, lambda cell: cell.state = 'digit')) as digits,
        unnest(cells_read) as cell
    from fields_reviewed
),

-- The verdict on each cell with ink, or else its digit of the corrected value.
signs as (
    select
        cells_of_fields.field_id,
        cells_of_fields.model_name,
        cells_of_fields.model_version,
        cells_of_fields.preprocessing_fingerprint,
        cells_of_fields.precision,
        cells_of_fields.cell.position as position,
        cells_of_fields.has_minus,
        count(*) filter (where cells_of_fields.cell.state = 'digit') over (
            partition by
                cells_of_fields.field_id,
                cells_of_fields.model_name,
                cells_of_fields.model_version,
                cells_of_fields.preprocessing_fingerprint,
                cells_of_fields.precision
            order by cells_of_fields.cell.position
        ) as digit_number,
        cells_of_fields.cell.state = 'digit'
        and cells_of_fields.digits_before_point = digit_number as is_before_point,
        case
            when digit_verdicts.verdict in ('blank', 'not_a_digit') then ''
            when digit_verdicts.verdict = 'unreadable' then '?'
            when digit_verdicts.verdict is not null then digit_verdicts.verdict
            when cells_of_fields.cell.state <> 'digit' then ''
            when length(cells_of_fields.value) = cells_of_fields.digits
                then cells_of_fields.value[digit_number]
            else cast(cells_of_fields.cell.label as varchar)
        end as sign
    from cells_of_fields
    left join digit_verdicts on cells_of_fields.cell.digit_id = digit_verdicts.digit_id
),

composed as (
    select
        field_id,
        model_name,
        model_version,
        preprocessing_fingerprint,
        precision,
        if(
            bool_or(sign <> ''),
            if(bool_or(has_minus), '-', '')
            || string_agg(if(is_before_point, sign || '.', sign), '' order by position),
            ''
        ) as text
    from signs
    group by field_id, model_name, model_version, preprocessing_fingerprint, precision
),

expected_values as (
    select
        fields_reviewed.field_id,
        fields_reviewed.model_name,
        fields_reviewed.model_version,
        fields_reviewed.preprocessing_fingerprint,
        fields_reviewed.precision,
        fields_reviewed.actor,
        if(fields_reviewed.is_typed, fields_reviewed.typed, nullif(composed.text, '')) as written,
        if(contains(written, '?'), null, written) as expected
    from fields_reviewed
    left join composed using (field_id, model_name, model_version, preprocessing_fingerprint, precision)
),

compared as (
    select
        expected_values.field_id,
        expected_values.model_name,
        expected_values.model_version,
        field_values.value,
        expected_values.expected,
        case
            when field_values.reviewed_by is null then 'the review is missing'
            when field_values.reviewed_by is distinct from expected_values.actor
                then 'the reviewer is another person'
            when field_values.value is distinct from expected_values.expected
                then 'the value does not follow from the verdicts'
        end as problem
    from expected_values
    left join field_values using (
        field_id, model_name, model_version, preprocessing_fingerprint, precision
    )
),

strays as (
    select
        field_values.field_id,
        field_values.model_name,
        field_values.model_version,
        field_values.value,
        field_values.value_corrected as expected,
        'the field has no verdict' as problem
    from field_values
    anti join fields_reviewed using (field_id)
    where
        field_values.reviewed_by is not null
        or field_values.value is distinct from field_values.value_corrected
),

final as (
    select field_id, model_name, model_version, value, expected, problem
    from compared
    where problem is not null
    union all
    select field_id, model_name, model_version, value, expected, problem
    from strays
)

select field_id, model_name, model_version, value, expected, problem
from final
order by field_id, model_name, model_version
