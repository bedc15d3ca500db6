-- List the picture of each field of the registered table asked_fields.
select cast(field_id as varchar) as field_id, any_value(picture) as picture
from fields
where field_id in (select field_id from asked_fields)
group by field_id
order by field_id
