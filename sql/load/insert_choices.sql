-- Insert the choices of new pages from the registered table new_choices. Run this before insert_pages.
insert into choices (choice_id, page_id, template, choice, choice_number, box, source_box, picture)
select choice_id, page_id, template, choice, choice_number, box, source_box, picture
from new_choices
where page_id not in (select page_id from pages)
