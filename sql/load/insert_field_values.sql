-- Insert the field values that a run's model read, from the registered table new_field_values. Skip pages
-- whose values it has read before.
insert into field_values (
    field_id, page_id, model_name, model_version, preprocessing_fingerprint, precision, scoring_run_id,
    status, raw_value, value, confidence, raw_probability, probability, posterior, broken_rule, is_doubtful,
    reason
)
with

run as (
    select scoring_run_id, model_name, model_version, preprocessing_fingerprint, precision
    from scoring_runs
    where scoring_run_id = $scoring_run_id
),

assembled_pages as (
    select distinct field_values.page_id
    from field_values
    inner join run using (model_name, model_version, preprocessing_fingerprint, precision)
)

select
    new_field_values.field_id,
    new_field_values.page_id,
    run.model_name,
    run.model_version,
    run.preprocessing_fingerprint,
    run.precision,
    run.scoring_run_id,
    new_field_values.status,
    new_field_values.raw_value,
    new_field_values.value,
    new_field_values.confidence,
    new_field_values.raw_probability,
    new_field_values.probability,
    new_field_values.posterior,
    new_field_values.broken_rule,
    new_field_values.is_doubtful,
    new_field_values.reason
from new_field_values
cross join run
where new_field_values.page_id not in (select page_id from assembled_pages)
