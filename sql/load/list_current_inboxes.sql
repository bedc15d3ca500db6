-- List the inboxes in force.
select name, place, templates, reference_folder, archive, settle_s
from current_inboxes
order by name
