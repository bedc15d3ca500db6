-- Return the pictures of the fields of $field_ids, with the field's place on the registered page.
with

wanted as (
    select unnest(cast($field_ids as uuid[])) as field_id
)

select
    cast(fields.field_id as varchar) as field_id,
    fields.box,
    fields.picture
from fields
semi join wanted using (field_id)
