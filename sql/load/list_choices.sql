-- List the choices on the pages of a dataset.
select choices.choice_id, choices.page_id, pages.source, pages.page, choices.choice
from choices
inner join pages using (page_id)
where pages.dataset = $dataset
order by pages.source, pages.page, choices.choice_number
