-- Return the final values of all fields on the pages of $field_ids, without pictures.
select
    cast(field_id as varchar) as field_id,
    cast(page_id as varchar) as page_id,
    field,
    field_number,
    value,
    status,
    decision,
    box
from final_values
where page_id in (select page_id from fields where list_contains(cast($field_ids as uuid[]), field_id))
order by page_id, field_number
