-- Insert the field verdicts of the registered table new_field_reviews as one batch.
insert into field_reviews (
    batch_id, field_id, page_id, verdict, value, has_all_digits, note, mode, seconds, reviewed_at, actor
)
select
    $batch_id as batch_id,
    field_id,
    page_id,
    verdict,
    value,
    has_all_digits,
    note,
    $mode as mode,
    $seconds as seconds,
    $reviewed_at as reviewed_at,
    $actor as actor
from new_field_reviews
returning review_number
