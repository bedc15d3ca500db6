-- Draw $size items from what waits for a person, in an order that depends only on $seed and the items. A null
-- selects everything.
insert into blind_items (
    sample_id, item_number, scoring_run_id, dataset, form, field, field_id, page_id, digit_id, shard_score_id,
    shard_fingerprint, value_read, value_corrected
)
with

waiting as (
    select
        scoring_run_id,
        dataset,
        form,
        field,
        field_id,
        page_id,
        digit_id,
        shard_score_id,
        shard_fingerprint,
        cast(label as varchar) as digit_read,
        sha256(concat_ws(':', $seed, coalesce(field_id, digit_id))) as draw
    from review_queue
    where
        not has_label
        and ($scoring_run_id is null or scoring_run_id = $scoring_run_id)
        and ($form is null or form = $form)
        and ($field is null or field = $field)
        and ($reason is null or contains('; ' || reason, '; ' || $reason || ':'))
    order by draw
    limit $size
)

select
    $sample_id as sample_id,
    row_number() over (order by waiting.draw) as item_number,
    waiting.scoring_run_id,
    waiting.dataset,
    waiting.form,
    waiting.field,
    waiting.field_id,
    waiting.page_id,
    waiting.digit_id,
    waiting.shard_score_id,
    waiting.shard_fingerprint,
    coalesce(values_read.raw_value, waiting.digit_read) as value_read,
    coalesce(values_read.value, waiting.digit_read) as value_corrected
from waiting
inner join scoring_runs using (scoring_run_id)
left join values_read
    on waiting.field_id = values_read.field_id
    and scoring_runs.model_name = values_read.model_name
    and scoring_runs.model_version = values_read.model_version
    and scoring_runs.preprocessing_fingerprint = values_read.preprocessing_fingerprint
    and scoring_runs.precision = values_read.precision
returning item_number
