-- Insert the field values that a run's model read, from the registered table new_field_values. Skip pages
-- whose values it has read before.
insert into values_read (
    field_id, page_id, model_name, model_version, preprocessing_fingerprint, precision, scoring_run_id,
    status, raw_value, value, confidence, raw_probability, probability, posterior, broken_rule, is_doubtful,
    reason, cells_read
)
with

run as (
    select scoring_run_id, model_name, model_version, preprocessing_fingerprint, precision
    from scoring_runs
    where scoring_run_id = $scoring_run_id
),

assembled_pages as (
    select distinct values_read.page_id
    from values_read
    inner join run using (model_name, model_version, preprocessing_fingerprint, precision)
),

run_predictions as (
    select
        predictions.digit_id,
        predictions.shard_score_id,
        predictions.label,
        predictions.confidence,
        predictions.not_a_digit
    from predictions
    inner join scoring_run_shards using (shard_score_id)
    where scoring_run_shards.scoring_run_id = $scoring_run_id
),

fields_cells as (
    select
        cells.field_id,
        list(
            struct_pack(
                "position" := cells.position,
                state := settled_state(
                    cells.state, cells.possible_mark, cells.is_like_mark, run_predictions.not_a_digit
                ),
                digit_id := cells.digit_id,
                shard_score_id := run_predictions.shard_score_id,
                label := run_predictions.label,
                confidence := run_predictions.confidence,
                not_a_digit := run_predictions.not_a_digit
            )
            order by cells.position
        ) as cells_read
    from cells
    semi join new_field_values using (field_id)
    inner join run_predictions using (digit_id)
    group by cells.field_id
)

select
    new_field_values.field_id,
    new_field_values.page_id,
    run.model_name,
    run.model_version,
    run.preprocessing_fingerprint,
    run.precision,
    run.scoring_run_id,
    new_field_values.status,
    new_field_values.raw_value,
    new_field_values.value,
    new_field_values.confidence,
    new_field_values.raw_probability,
    new_field_values.probability,
    new_field_values.posterior,
    new_field_values.broken_rule,
    new_field_values.is_doubtful,
    new_field_values.reason,
    fields_cells.cells_read
from new_field_values
cross join run
left join fields_cells using (field_id)
where new_field_values.page_id not in (select page_id from assembled_pages)
