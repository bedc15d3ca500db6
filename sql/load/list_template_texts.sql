-- Lists the templates that pages of a run's dataset were read with.
select distinct templates.template, templates.form, templates.text
from templates
inner join pages using (template)
inner join scoring_runs using (dataset)
where scoring_runs.scoring_run_id = $scoring_run_id
order by templates.template
