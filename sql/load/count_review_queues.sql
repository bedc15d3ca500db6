-- Count what waits for a person, by dataset, run, form, field and first reason.
select
    kind,
    dataset,
    cast(scoring_run_id as varchar) as scoring_run_id,
    form,
    field,
    split_part(reason, ':', 1) as reason,
    count(*) as waiting
from review_queue
where not has_label or $has_labels
group by kind, dataset, scoring_run_id, form, field, split_part(reason, ':', 1)
order by kind desc, dataset, scoring_run_id, form, field, reason
