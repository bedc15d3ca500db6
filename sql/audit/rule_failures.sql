-- question: Which rules do the final values break?
-- grain: One row per field that breaks its rule, page that breaks a rule across fields, or repeated value.
-- param run: scoring run id or its beginning, dataset (its newest run), or 'latest' (default: latest)
-- param limit: maximum number of rows (default: 100)
-- column rule: broken rule; unique for a repeated value
-- column source: path of the document
-- column page: page of the document, from 1
-- column field: name of the field, null for a rule across fields
-- column value: value that breaks the rule, or the repeated value; null for a rule across fields
-- column is_corrected: true if the rule corrected the value
-- column form: name of the form
with

readings as (
    select
        source, page, form, template, field, value_read, value, status, broken_rule
    from field_readings
    where scoring_run_id = cast($run as uuid)
),

own_rules as (
    select
        broken_rule as rule,
        source,
        page,
        field,
        if(status = 'corrected', value_read, value) as value,
        status = 'corrected' as is_corrected,
        form
    from readings
    where broken_rule is not null
),

rules_across_fields as (
    select
        final_rule_failures.rule,
        pages.source,
        pages.page,
        null as field,
        null as value,
        false as is_corrected,
        pages.form
    from final_rule_failures
    inner join pages using (page_id)
    inner join scoring_runs
        on final_rule_failures.model_name = scoring_runs.model_name
        and final_rule_failures.model_version = scoring_runs.model_version
        and final_rule_failures.preprocessing_fingerprint = scoring_runs.preprocessing_fingerprint
        and final_rule_failures.precision = scoring_runs.precision
        and pages.dataset = scoring_runs.dataset
    where scoring_runs.scoring_run_id = cast($run as uuid)
),

-- Count distinct pages, because a page that was read again with a corrected template repeats its values, as
-- does a document that was scanned again under the same path.
repeated_values as (
    select
        'unique' as rule,
        readings.source,
        readings.page,
        readings.field,
        readings.value,
        false as is_corrected,
        readings.form
    from readings
    inner join template_fields using (template, field)
    where template_fields.is_unique and readings.value is not null
    qualify count(distinct readings.source || ' ' || readings.page)
        over (partition by readings.form, readings.field, readings.value) > 1
),

final as (
    select rule, source, page, field, value, is_corrected, form
    from own_rules
    union all
    select rule, source, page, field, value, is_corrected, form
    from rules_across_fields
    union all
    select rule, source, page, field, value, is_corrected, form
    from repeated_values
)

select rule, source, page, field, value, is_corrected, form
from final
order by rule, value, source, page, field
limit cast($limit as bigint)
