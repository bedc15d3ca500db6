-- Records reviews from the registered table new_reviews as one batch; what $actor said last of a prediction
-- is no news when it is said again.
with

said as (
    select digit_id, shard_score_id, arg_max(verdict, review_number) as verdict
    from reviews
    where actor = $actor
    group by digit_id, shard_score_id
)

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
anti join said using (digit_id, shard_score_id, verdict)
returning review_number
