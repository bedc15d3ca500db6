-- Insert the reviews of the registered table new_reviews as one batch. With $skips_repeats, skip a
-- verdict that repeats the last one of $actor on the same prediction. In the mode groups, skip a digit that
-- another person has reviewed, alone or with its field: a group lists digits without a verdict, so that
-- verdict is newer than what $actor saw.
with

said as (
    select digit_id, shard_score_id, arg_max(verdict, review_number) as verdict
    from reviews
    where $skips_repeats and actor = $actor and batch_id not in (select batch_id from review_undos)
    group by digit_id, shard_score_id
),

decided_by_others as (
    select digit_verdicts.digit_id
    from digit_verdicts
    semi join new_reviews using (digit_id)
    where $mode = 'groups' and digit_verdicts.actor <> $actor
    union
    select cells.digit_id
    from cells
    semi join new_reviews using (digit_id)
    inner join field_verdicts using (field_id)
    where $mode = 'groups' and field_verdicts.actor <> $actor
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
anti join decided_by_others using (digit_id)
returning review_number
