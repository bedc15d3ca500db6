-- Return the cells of the fields of $field_ids, blank ones too, with the newest verdict on each digit.
select
    cast(cells.field_id as varchar) as field_id,
    cells.position,
    cells.state,
    cast(cells.digit_id as varchar) as digit_id,
    digit_verdicts.verdict,
    cells.box
from cells
left join digit_verdicts using (digit_id)
where list_contains(cast($field_ids as uuid[]), cells.field_id)
order by cells.field_id, cells.position
