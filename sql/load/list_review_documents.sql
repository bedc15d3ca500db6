-- List pages with their waiting fields, by the newest run of their dataset. A null selects everything.
with

pages_read as (
    select
        page_id,
        any_value(scoring_run_id) as scoring_run_id,
        any_value(dataset) as dataset,
        any_value(source) as source,
        any_value(source_sha256) as source_sha256,
        any_value(page) as page,
        any_value(form) as form,
        count(*) as fields,
        count(*) filter (decision = 'review') as waiting,
        count(*) filter (origin like 'reviewed by %') as reviewed
    from final_values
    group by page_id
),

final as (
    select
        pages_read.*,
        parse_filename(source) as name,
        count(*) over () as found,
        row_number() over (order by parse_filename(source), source_sha256, page, page_id) as place,
        lag(page_id) over (order by parse_filename(source), source_sha256, page, page_id) as previous_page,
        lead(page_id) over (order by parse_filename(source), source_sha256, page, page_id) as next_page
    from pages_read
    where
        ($scoring_run_id is null or scoring_run_id = cast($scoring_run_id as uuid))
        and ($form is null or form = $form)
        and (not $is_waiting or waiting > 0 or page_id = cast($page_id as uuid))
        and (
            $search is null
            or contains(lower(parse_filename(source)), lower($search))
            or starts_with(source_sha256, lower($search))
        )
)

select
    cast(page_id as varchar) as page_id,
    dataset,
    source,
    name,
    source_sha256,
    page,
    form,
    fields,
    waiting,
    reviewed,
    found,
    place,
    cast(previous_page as varchar) as previous_page,
    cast(next_page as varchar) as next_page
from final
where ($page_id is null or page_id = cast($page_id as uuid)) and place > $after
order by place
limit $limit
