-- Insert the options of new pages from the registered table new_choice_options. Run this before
-- insert_pages.
insert into choice_options (
    choice_id, page_id, option_number, "option", "position", state, is_marked, doubt, coverage, darkness,
    confidence, box, source_box
)
select
    choice_id, page_id, option_number, "option", "position", state, is_marked, doubt, coverage, darkness,
    confidence, box, source_box
from new_choice_options
where page_id not in (select page_id from pages)
