-- Insert the true values of fields from the registered table new_field_truths, replacing older ones.
insert into field_truths (field_id, page_id, truth, recorded_at, actor)
select field_id, page_id, truth, recorded_at, actor
from new_field_truths
on conflict do update set truth = excluded.truth, recorded_at = excluded.recorded_at, actor = excluded.actor
