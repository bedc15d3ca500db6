-- Draw $size items from all readings of a run, in an order that depends only on $seed and the items:
-- fields of forms, and digits outside forms if no form or field is given.
insert into blind_items (
    sample_id, item_number, scoring_run_id, dataset, form, field, field_id, page_id, digit_id, shard_score_id,
    shard_fingerprint, value_read, value_corrected
)
with

run as (
    select scoring_run_id, dataset, model_name, model_version, preprocessing_fingerprint, precision
    from scoring_runs
    where scoring_run_id = $scoring_run_id
),

fields_read as (
    select
        pages.form,
        fields.field,
        values_read.field_id,
        values_read.page_id,
        values_read.raw_value as value_read,
        values_read.value as value_corrected
    from run
    inner join values_read using (model_name, model_version, preprocessing_fingerprint, precision)
    inner join fields using (field_id)
    inner join pages
        on values_read.page_id = pages.page_id
        and run.dataset = pages.dataset
    where
        ($form is null or pages.form = $form)
        and ($field is null or fields.field = $field)
    -- Of a page that was read again with a corrected template, use the last reading.
    qualify pages.read_at = max(pages.read_at) over (partition by pages.source_sha256, pages.page)
),

digits_read as (
    select
        predictions.digit_id,
        predictions.shard_score_id,
        scoring_run_shards.shard_fingerprint,
        cast(predictions.label as varchar) as value_read
    from scoring_run_shards
    inner join predictions using (shard_score_id)
    anti join cells on predictions.digit_id = cells.digit_id
    where
        scoring_run_shards.scoring_run_id = $scoring_run_id
        and $form is null
        and $field is null
),

candidates as (
    select
        form,
        field,
        field_id,
        page_id,
        null as digit_id,
        null as shard_score_id,
        null as shard_fingerprint,
        value_read,
        value_corrected,
        sha256(concat_ws(':', $seed, field_id)) as draw
    from fields_read
    union all
    select
        null as form,
        null as field,
        null as field_id,
        null as page_id,
        digit_id,
        shard_score_id,
        shard_fingerprint,
        value_read,
        value_read as value_corrected,
        sha256(concat_ws(':', $seed, digit_id)) as draw
    from digits_read
),

drawn as (
    select
        form, field, field_id, page_id, digit_id, shard_score_id, shard_fingerprint, value_read,
        value_corrected, draw
    from candidates
    order by draw
    limit $size
)

select
    $sample_id as sample_id,
    row_number() over (order by drawn.draw) as item_number,
    run.scoring_run_id,
    run.dataset,
    drawn.form,
    drawn.field,
    drawn.field_id,
    drawn.page_id,
    drawn.digit_id,
    drawn.shard_score_id,
    drawn.shard_fingerprint,
    drawn.value_read,
    drawn.value_corrected
from drawn
cross join run
returning item_number
