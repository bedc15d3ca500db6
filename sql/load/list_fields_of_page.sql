-- List the fields of a page in the order of the template.
select cast(field_id as varchar) as field_id
from fields
where page_id = cast($page_id as uuid)
order by field_number
