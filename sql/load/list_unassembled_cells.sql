-- List the cells of up to $limit pages whose digits the run has all read and whose field values its model
-- has not assembled yet, page by page.
with

run as (
    select dataset, model_name, model_version, preprocessing_fingerprint, precision
    from scoring_runs
    where scoring_run_id = $scoring_run_id
),

-- Cast to a list: DuckDB 2.0 returns garbage for a fixed-size array that a left join leaves mostly null.
run_predictions as (
    select
        predictions.digit_id,
        cast(predictions.probabilities as float[]) as probabilities,
        predictions.not_a_digit
    from predictions
    inner join scoring_run_shards using (shard_score_id)
    where scoring_run_shards.scoring_run_id = $scoring_run_id
),

assembled_pages as (
    select distinct values_read.page_id
    from values_read
    inner join run using (model_name, model_version, preprocessing_fingerprint, precision)
),

missing_pages as (
    select pages.page_id
    from pages
    inner join run using (dataset)
    where
        pages.status = 'read'
        and pages.page_id not in (select page_id from assembled_pages)
        -- A page of boxes and bubbles alone has nothing to assemble.
        and pages.page_id in (select page_id from fields)
),

read_cells as (
    select
        cells.page_id,
        cells.field_id,
        cells.position,
        cells.state,
        cells.mark,
        cells.possible_mark,
        cells.is_like_mark,
        cells.digit_id,
        run_predictions.digit_id is not null as is_read,
        run_predictions.probabilities,
        run_predictions.not_a_digit
    from cells
    inner join missing_pages using (page_id)
    left join run_predictions using (digit_id)
),

-- An ingest during this run adds pages whose digits only the next run reads.
whole_pages as (
    select missing_pages.page_id
    from missing_pages
    left join read_cells using (page_id)
    group by missing_pages.page_id
    having coalesce(bool_and(read_cells.digit_id is null or read_cells.is_read), true)
    order by missing_pages.page_id
    limit $limit
),

final as (
    select
        fields.page_id,
        fields.field_id,
        fields.template,
        fields.field,
        fields.field_number,
        fields.extra_ink,
        fields.cut_probability,
        fields.cut_doubt,
        list_filter(fields.loose_ink, lambda ink: ink.is_read) as loose_ink,
        read_cells.position,
        read_cells.state,
        read_cells.mark,
        read_cells.possible_mark,
        read_cells.is_like_mark,
        read_cells.probabilities,
        read_cells.not_a_digit,
        checking_marks.marks
    from fields
    inner join whole_pages using (page_id)
    left join read_cells using (field_id)
    left join checking_marks on fields.page_id = checking_marks.page_id
)

select
    page_id, field_id, template, field, field_number, extra_ink, cut_probability, cut_doubt, loose_ink,
    position, state, mark, possible_mark, is_like_mark, probabilities, not_a_digit, marks
from final
order by page_id, field_number, position
