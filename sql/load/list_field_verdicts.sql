-- List the verdicts on the fields of $field_ids and on their digits, the newest first.
with

of_fields as (
    select
        field_id,
        batch_id,
        review_number,
        null as "position",
        verdict,
        value,
        has_all_digits,
        mode,
        reviewed_at,
        actor
    from field_reviews
    where list_contains(cast($field_ids as uuid[]), field_id)
),

of_digits as (
    select
        cells.field_id,
        reviews.batch_id,
        reviews.review_number,
        cells.position,
        reviews.verdict,
        null as value,
        null as has_all_digits,
        reviews.mode,
        reviews.reviewed_at,
        reviews.actor
    from cells
    inner join reviews using (digit_id)
    anti join of_fields on cells.field_id = of_fields.field_id and reviews.batch_id = of_fields.batch_id
    where list_contains(cast($field_ids as uuid[]), cells.field_id)
),

final as (
    select * from of_fields
    union all
    select * from of_digits
)

select
    cast(final.field_id as varchar) as field_id,
    final.position,
    final.verdict,
    final.value,
    final.has_all_digits,
    final.mode,
    final.reviewed_at,
    final.actor,
    review_undos.undo_id is not null as is_undone
from final
left join review_undos using (batch_id)
order by final.review_number desc
