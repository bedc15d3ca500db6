-- Return the YAML of the templates that the pages in the registered table changed_pages were read with.
select distinct templates.template, templates.text
from templates
inner join pages using (template)
semi join changed_pages using (page_id)
