-- Return the pictures of fields.
select
    cast(field_id as varchar) as field_id,
    picture
from fields
where list_contains(cast($field_ids as uuid[]), field_id)
