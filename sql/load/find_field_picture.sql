-- Return the picture of a field.
select picture
from fields
where field_id = cast($field_id as uuid)
limit 1
