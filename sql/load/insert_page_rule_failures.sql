-- Insert the broken rules across fields from the registered table new_rule_failures. Run this before
-- insert_field_values, because values mark a page as complete.
insert into page_rule_failures (
    page_id, model_name, model_version, preprocessing_fingerprint, precision, rule
)
with

run as (
    select model_name, model_version, preprocessing_fingerprint, precision
    from scoring_runs
    where scoring_run_id = $scoring_run_id
),

assembled_pages as (
    select distinct values_read.page_id
    from values_read
    inner join run using (model_name, model_version, preprocessing_fingerprint, precision)
)

select
    new_rule_failures.page_id,
    run.model_name,
    run.model_version,
    run.preprocessing_fingerprint,
    run.precision,
    new_rule_failures.rule
from new_rule_failures
cross join run
where new_rule_failures.page_id not in (select page_id from assembled_pages)
