-- Return all fields on the pages of $field_ids as the newest run of their dataset read them (no pictures).
select
    cast(field_id as varchar) as field_id,
    cast(page_id as varchar) as page_id,
    cast(scoring_run_id as varchar) as scoring_run_id,
    source,
    source_sha256,
    page,
    form,
    template,
    field,
    field_number,
    value,
    status,
    origin,
    decision,
    reason,
    confidence,
    broken_rule,
    value_read,
    value_corrected,
    reviewed_positions,
    box,
    source_box,
    cells_read
from final_values
where page_id in (select page_id from fields where list_contains(cast($field_ids as uuid[]), field_id))
order by page_id, field_number
