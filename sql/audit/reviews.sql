-- question: Which predictions did people review, and what did they decide?
-- grain: One row per review, newest first.
-- param digit: digit_id or its beginning, or 'all' (default: all)
-- param limit: maximum number of rows (default: 100)
-- column review_number: number of the review, in recording order
-- column reviewed_at: time of the review (UTC)
-- column actor: reviewer
-- column digit_id: id of the digit
-- column verdict: digit 0 to 9, blank, not_a_digit or unreadable
-- column label: predicted digit
-- column confidence: calibrated probability of the label, 0 to 1
-- column is_right: true if label equals verdict, null if the verdict is unreadable
-- column model_version: model version that made the prediction, NAME/VERSION
-- column note: note of the reviewer, null without a note
-- column batch_id: id that reviews imported together share
with

final as (
    select
        reviews.review_number,
        reviews.reviewed_at,
        reviews.actor,
        reviews.digit_id,
        reviews.verdict,
        predictions.label,
        predictions.confidence,
        if(
            reviews.verdict = 'unreadable', null, reviews.verdict = cast(predictions.label as varchar)
        ) as is_right,
        concat_ws('/', shard_scores.model_name, shard_scores.model_version) as model_version,
        reviews.note,
        reviews.batch_id
    from reviews
    left join predictions using (digit_id, shard_score_id)
    left join shard_scores using (shard_score_id)
    where $digit = 'all' or cast(reviews.digit_id as varchar) = $digit
)

select
    review_number, reviewed_at, actor, digit_id, verdict, label, confidence, is_right, model_version, note,
    batch_id
from final
order by review_number desc
limit cast($limit as bigint)
