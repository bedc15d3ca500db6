-- Insert the fields of new pages from the registered table new_fields. Run this before insert_pages.
insert into fields (
    field_id, page_id, template, field, field_number, box, source_box, picture, extra_ink, cut_probability,
    cut_doubt, loose_ink
)
select
    field_id, page_id, template, field, field_number, box, source_box, picture, extra_ink, cut_probability,
    cut_doubt, loose_ink
from new_fields
where page_id not in (select page_id from pages)
