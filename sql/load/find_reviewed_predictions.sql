-- Return the reviewed predictions of the registered table new_reviews, with the ingested label, the digit's
-- newest verdict, and the newest verdict of $actor on the same prediction.
select
    cast(new_reviews.digit_id as varchar) as digit_id,
    cast(new_reviews.shard_score_id as varchar) as shard_score_id,
    predictions.digit_id is not null as is_known,
    predictions.truth,
    shard_scores.dataset,
    shard_scores.shard_fingerprint,
    digit_verdicts.verdict as former_verdict,
    (
        select arg_max(reviews.verdict, reviews.review_number)
        from reviews
        where
            reviews.digit_id = new_reviews.digit_id
            and reviews.shard_score_id = new_reviews.shard_score_id
            and reviews.actor = $actor
            and reviews.batch_id not in (select batch_id from review_undos)
    ) as own_verdict
from new_reviews
left join predictions
    on new_reviews.digit_id = predictions.digit_id
    and new_reviews.shard_score_id = predictions.shard_score_id
left join shard_scores on new_reviews.shard_score_id = shard_scores.shard_score_id
left join digit_verdicts on new_reviews.digit_id = digit_verdicts.digit_id
order by digit_id
