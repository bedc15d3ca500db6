-- Insert the reviews of the registered table new_reviews as one batch. With $skips_repeats, skip a
-- verdict that repeats the last one of $actor on the same prediction.
with

said as (
    select digit_id, shard_score_id, arg_max(verdict, review_number) as verdict
    from reviews
    where $skips_repeats and actor = $actor and batch_id not in (select batch_id from review_undos)
    group by digit_id, shard_score_id
)

insert into reviews (batch_id, digit_id, shard_score_id, verdict, note, mode, seconds, reviewed_at, actor)
select
    $batch_id as batch_id,
    digit_id,
    shard_score_id,
    verdict,
    note,
    $mode as mode,
    $seconds as seconds,
    $reviewed_at as reviewed_at,
    $actor as actor
from new_reviews
anti join said using (digit_id, shard_score_id, verdict)
returning review_number
