-- Return the cells of the fields of $field_ids, with the newest verdict on each digit, and the prediction of
-- the newest run of the dataset.
with

fields_read as (
    select field_id, scoring_run_id, cells_read
    from final_values
    where list_contains(cast($field_ids as uuid[]), field_id)
),

cells_of_fields as (
    select field_id, "position", state, digit_id, box, source_box
    from cells
    where list_contains(cast($field_ids as uuid[]), field_id)
),

readings as (
    select fields_read.field_id, unnest(fields_read.cells_read, recursive := true)
    from fields_read
),

final as (
    select
        cells_of_fields.field_id,
        cells_of_fields.position,
        cells_of_fields.state,
        cells_of_fields.digit_id,
        readings.shard_score_id,
        readings.label,
        readings.confidence,
        readings.not_a_digit,
        digit_verdicts.verdict,
        cells_of_fields.box,
        cells_of_fields.source_box
    from cells_of_fields
    left join readings
        on cells_of_fields.field_id = readings.field_id
        and cells_of_fields.position = readings.position
    left join digit_verdicts on cells_of_fields.digit_id = digit_verdicts.digit_id
)

select
    cast(field_id as varchar) as field_id,
    "position",
    state,
    cast(digit_id as varchar) as digit_id,
    cast(shard_score_id as varchar) as shard_score_id,
    label,
    confidence,
    not_a_digit,
    verdict,
    box,
    source_box
from final
order by field_id, "position"
