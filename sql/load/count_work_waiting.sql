-- Count the fields and digits that wait for a person.
select count(*) filter (where kind = 'field') as fields, count(*) filter (where kind = 'digit') as digits
from review_queue
where not has_label
