-- Count all answers of $actor to an item, even withdrawn ones, and the answers with the id $batch_id.
select
    count(*) filter (
        where actor = $actor and sample_id = $sample_id and item_number = $item_number
    ) as attempts,
    count(*) filter (where batch_id = $batch_id) as repeats
from blind_answers
