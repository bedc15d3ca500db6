-- List the templates of the pages in a run's dataset.
select distinct templates.template, templates.form, templates.text
from templates
inner join pages using (template)
inner join scoring_runs using (dataset)
where scoring_runs.scoring_run_id = $scoring_run_id
order by templates.template
