-- List the items of a sample that $actor may answer: not settled, not answered by $actor, and without another
-- verdict of $actor, who would have seen the prediction. `seats` is the number of answers still needed.
with

items as (
    select item_number, form, field, field_id, digit_id
    from blind_items
    where sample_id = cast($sample_id as uuid)
),

results as (
    select item_number, first_answer, second_answer, is_settled
    from blind_results
    where sample_id = cast($sample_id as uuid)
),

own_answers as (
    select item_number
    from blind_turns
    where sample_id = cast($sample_id as uuid) and actor = $actor
),

digits_seen as (
    select digit_id
    from reviews
    where actor = $actor and mode is distinct from 'blind'
),

items_seen as (
    select items.item_number
    from items
    inner join field_reviews using (field_id)
    where field_reviews.actor = $actor and field_reviews.mode <> 'blind'
    union
    select items.item_number
    from items
    semi join digits_seen using (digit_id)
    union
    select items.item_number
    from items
    inner join cells using (field_id)
    semi join digits_seen on cells.digit_id = digits_seen.digit_id
)

select
    items.item_number,
    items.form,
    items.field,
    if(items.field_id is null, 'digit', 'field') as kind,
    case
        when results.first_answer is null then 2
        else 1
    end as seats
from items
inner join results using (item_number)
anti join own_answers using (item_number)
anti join items_seen using (item_number)
where not results.is_settled
order by items.item_number
