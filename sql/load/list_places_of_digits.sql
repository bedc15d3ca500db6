-- List the place on paper of each digit of the registered table asked_digits that comes from a form, with
-- its field as the reader of $run has read it. Of a page with several readings, the last one counts.
with

readers as (
    select model_name, model_version, preprocessing_fingerprint, precision
    from scoring_runs
    where scoring_run_id = cast($run as uuid)
),

places as (
    select
        cells.digit_id,
        cells.field_id,
        cells.box,
        pages.page_id,
        pages.source,
        pages.source_sha256,
        pages.page,
        pages.form,
        pages.width_px,
        pages.height_px
    from cells
    inner join pages using (page_id)
    where cells.digit_id in (select digit_id from asked_digits)
    qualify row_number() over (partition by cells.digit_id order by pages.read_at desc, pages.page_id) = 1
),

readings as (
    select field_values.field_id, field_values.value, field_values.reason
    from field_values
    inner join readers using (model_name, model_version, preprocessing_fingerprint, precision)
    where field_values.field_id in (select field_id from places)
),

final as (
    select
        cast(places.digit_id as varchar) as digit_id,
        cast(places.field_id as varchar) as field_id,
        places.box,
        cast(places.page_id as varchar) as page_id,
        places.source,
        places.source_sha256,
        places.page,
        places.form,
        places.width_px,
        places.height_px,
        fields.field,
        fields.box as field_box,
        fields.source_box as field_source_box,
        readings.value as field_value,
        readings.reason as field_reason
    from places
    inner join fields using (field_id)
    left join readings using (field_id)
)

select
    digit_id, field_id, box, page_id, source, source_sha256, page, form, width_px, height_px, field,
    field_box, field_source_box, field_value, field_reason
from final
order by digit_id
