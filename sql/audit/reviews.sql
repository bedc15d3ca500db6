-- question: What did people say of which readings?
-- grain: One row per review, newest first.
-- param digit: digit_id or its beginning, or 'all' (default: all)
-- param limit: most rows to list (default: 100)
-- column review_number: the review
-- column reviewed_at: when (UTC)
-- column actor: who
-- column digit_id: the digit
-- column verdict: a digit, blank, not_a_digit or unreadable
-- column label: digit that the model had read
-- column confidence: calibrated probability of the label, 0 to 1
-- column is_right: whether that is the verdict, null where people cannot read it either
-- column model_version: model version that had read it
-- column note: what the person noted
-- column batch_id: reviews that were imported together
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
