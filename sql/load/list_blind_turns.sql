-- List the answers to an item that were not taken back, oldest first.
select cast(batch_id as varchar) as batch_id, answer, actor
from blind_turns
where sample_id = cast($sample_id as uuid) and item_number = $item_number
order by turn
