-- List the fields that wait for a person in a queue, the least confident first. A null selects everything.
select
    cast(field_id as varchar) as field_id,
    cast(page_id as varchar) as page_id
from final_values
where
    decision = 'review'
    and ($scoring_run_id is null or scoring_run_id = cast($scoring_run_id as uuid))
    and ($form is null or form = $form)
    and ($field is null or field = $field)
    and ($reason is null or contains('; ' || reason, '; ' || $reason || ':'))
order by confidence nulls first, field_id
limit $limit
