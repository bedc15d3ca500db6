-- Insert the values of page revisions from the registered table new_revised_values.
insert into revised_values (
    revision_number, field_id, status, value, broken_rule, reason, reviewed_positions, is_settled,
    review_number, reviewed_by, reviewed_at
)
select
    revision_number, field_id, status, value, broken_rule, reason, reviewed_positions, is_settled,
    review_number, reviewed_by, reviewed_at
from new_revised_values
