-- List the pages of the registered table new_field_values that people have reviewed before.
select distinct cells.page_id
from digit_verdicts
inner join cells using (digit_id)
where cells.page_id in (select page_id from new_field_values)
union
select field_reviews.page_id
from field_reviews
inner join field_verdicts using (review_number)
where field_reviews.page_id in (select page_id from new_field_values)
