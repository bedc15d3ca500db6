-- Insert the reviews of the registered table new_reviews as one batch. Skip a verdict that repeats the last
-- one of $actor on the same prediction.
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
