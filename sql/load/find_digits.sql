-- Return up to three digit ids within a range: all ids in the range share a prefix. More than one id means
-- that the prefix is ambiguous.
select distinct cast(digit_id as varchar) as digit_id
from predictions
where digit_id between cast($first as uuid) and cast($last as uuid)
order by digit_id
limit 3
