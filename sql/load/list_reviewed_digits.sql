-- List every digit that was ever reviewed, with the verdict that counts and the scored shard that contains
-- it. They are null if all its verdicts were undone.
with

reviewed as (
    select distinct digit_id from reviews
)

select
    unhex(replace(cast(reviewed.digit_id as varchar), '-', '')) as digit_id,
    digit_verdicts.verdict,
    shard_scores.dataset,
    shard_scores.shard_fingerprint
from reviewed
left join digit_verdicts using (digit_id)
left join shard_scores using (shard_score_id)
order by digit_id
