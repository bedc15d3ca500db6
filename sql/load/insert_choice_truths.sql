-- Insert the true values of choices from the registered table new_choice_truths, replacing older ones.
insert into choice_truths (choice_id, page_id, truth, recorded_at, actor)
select choice_id, page_id, truth, recorded_at, actor
from new_choice_truths
on conflict do update set truth = excluded.truth, recorded_at = excluded.recorded_at, actor = excluded.actor
