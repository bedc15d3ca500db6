-- Insert the cells of new pages from the registered table new_cells. Run this before insert_pages.
insert into cells (
    field_id, page_id, position, state, digit_id, ink, box, source_box, mark, possible_mark, is_like_mark
)
select
    field_id, page_id, position, state, digit_id, ink, box, source_box, mark, possible_mark, is_like_mark
from new_cells
where page_id not in (select page_id from pages)
