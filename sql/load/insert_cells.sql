-- Loads the cells of pages that are not there yet, from the registered table new_cells; before the pages.
insert into cells (field_id, page_id, position, state, digit_id, ink, box, source_box)
select field_id, page_id, position, state, digit_id, ink, box, source_box
from new_cells
where page_id not in (select page_id from pages)
