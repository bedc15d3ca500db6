-- List the form pages that a batch of verdicts concerns.
select distinct cells.page_id
from reviews
inner join cells using (digit_id)
where reviews.batch_id = cast($batch_id as uuid)
union
select page_id
from field_reviews
where batch_id = cast($batch_id as uuid)
