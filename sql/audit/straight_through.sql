-- question: How many fields need no person, because a policy accepts them?
-- grain: One row per form, template and day of reading, newest first.
-- param run: scoring run id or its beginning, dataset (its newest run), or 'latest' (default: latest)
-- column read_on: day on which the pages were read, in UTC
-- column form: name of the form
-- column template: fingerprint of the form's template
-- column pages: pages with this template
-- column fields: fields on these pages that are filled in, or blank although they need a value
-- column accepted: fields that the policy in force accepts
-- column accepted_pct: percentage of fields that the policy in force accepts
-- column to_review: fields that wait for a person
-- column reviewed: fields that people reviewed
-- column corrected: fields whose value a rule corrected
-- column unreadable: fields with writing that is not a digit
-- column rule_failed: fields whose final value breaks a rule of the field or across fields
with

readings as (
    select
        cast(timezone('UTC', field_readings.read_at) as date) as read_on,
        field_readings.form,
        field_readings.template,
        field_readings.page_id,
        field_readings.status,
        field_readings.decision,
        field_readings.status = 'rule_failed'
        or contains(coalesce(field_readings.reason, ''), 'rule_failed: ') as is_rule_failed
    from field_readings
    where field_readings.scoring_run_id = cast($run as uuid) and field_readings.decision <> 'blank'
),

final as (
    select
        read_on,
        form,
        template,
        count(distinct page_id) as pages,
        count(*) as fields,
        count(*) filter (where decision = 'accept') as accepted,
        round(100 * count(*) filter (where decision = 'accept') / count(*), 2) as accepted_pct,
        count(*) filter (where decision = 'review') as to_review,
        count(*) filter (where decision = 'reviewed') as reviewed,
        count(*) filter (where status = 'corrected') as corrected,
        count(*) filter (where status = 'unreadable') as unreadable,
        count(*) filter (where is_rule_failed) as rule_failed
    from readings
    group by read_on, form, template
)

select
    read_on, form, template, pages, fields, accepted, accepted_pct, to_review, reviewed, corrected,
    unreadable, rule_failed
from final
order by read_on desc, form, template
