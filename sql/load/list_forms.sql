-- List the form of each template.
select template, form
from templates
order by template
