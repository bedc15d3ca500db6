-- Count the rows of the registered table new_reviews whose prediction exists.
select count(*) as known
from (
    select distinct predictions.digit_id, predictions.shard_score_id
    from predictions
    semi join new_reviews
        on predictions.digit_id = new_reviews.digit_id
        and predictions.shard_score_id = new_reviews.shard_score_id
)
