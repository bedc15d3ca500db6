-- List the fields on the pages of a dataset.
select fields.field_id, fields.page_id, pages.source, pages.page, fields.field
from fields
inner join pages using (page_id)
where pages.dataset = $dataset
order by pages.source, pages.page, fields.field_number
