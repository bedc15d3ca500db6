-- List the cells of a blind item's field, with the shard scores of the reading that is compared.
with

item as (
    select field_id, scoring_run_id
    from blind_items
    where sample_id = cast($sample_id as uuid) and item_number = $item_number and field_id is not null
),

readings as (
    select unnest(values_read.cells_read, recursive := true)
    from item
    inner join scoring_runs using (scoring_run_id)
    inner join values_read
        on item.field_id = values_read.field_id
        and scoring_runs.model_name = values_read.model_name
        and scoring_runs.model_version = values_read.model_version
        and scoring_runs.preprocessing_fingerprint = values_read.preprocessing_fingerprint
        and scoring_runs.precision = values_read.precision
)

select
    cells.position,
    coalesce(readings.state, cells.state) as state,
    cast(cells.digit_id as varchar) as digit_id,
    cast(readings.shard_score_id as varchar) as shard_score_id
from cells
inner join item using (field_id)
left join readings on cells.position = readings.position
order by cells.position
