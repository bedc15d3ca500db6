-- Finds the digits whose ids lie between two: all that share a beginning; three tell that it is no name.
select distinct cast(digit_id as varchar) as digit_id
from predictions
where digit_id between cast($first as uuid) and cast($last as uuid)
order by digit_id
limit 3
