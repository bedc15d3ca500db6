-- Records reviews from the registered table new_reviews, in its order, as one batch.
insert into reviews (batch_id, digit_id, shard_score_id, verdict, note, reviewed_at, actor)
select
    $batch_id as batch_id,
    digit_id,
    shard_score_id,
    verdict,
    note,
    $reviewed_at as reviewed_at,
    $actor as actor
from new_reviews
returning review_number
