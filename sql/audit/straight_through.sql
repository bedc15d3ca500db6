-- question: How many fields need no check by a person?
-- grain: One row per form, template and day of reading, newest first.
-- param run: scoring run id, its beginning, or 'latest' (default: latest)
-- param at_least: lowest confidence of a field that needs no check, 0 to 1 (default: 0.9)
-- column read_on: day on which the pages were read, in UTC
-- column form: name of the form
-- column template: fingerprint of the form's template
-- column pages: pages with this template
-- column fields: fields on these pages that are filled in, or blank although they need a value
-- column straight_through: fields that need no check: confident and not doubtful
-- column straight_through_pct: percentage of fields that need no check
-- column corrected: fields whose value a rule corrected
-- column unreadable: fields with an image that is not a digit
-- column rule_failed: fields for which no value was found that satisfies the rules
with

readings as (
    select
        cast(timezone('UTC', read_at) as date) as read_on,
        form,
        template,
        page_id,
        status,
        not is_doubtful and confidence >= cast($at_least as double) as goes_through
    from field_readings
    where scoring_run_id = cast($run as uuid) and (status <> 'blank' or is_doubtful)
),

final as (
    select
        read_on,
        form,
        template,
        count(distinct page_id) as pages,
        count(*) as fields,
        count(*) filter (where goes_through) as straight_through,
        round(100 * count(*) filter (where goes_through) / count(*), 2) as straight_through_pct,
        count(*) filter (where status = 'corrected') as corrected,
        count(*) filter (where status = 'unreadable') as unreadable,
        count(*) filter (where status = 'rule_failed') as rule_failed
    from readings
    group by read_on, form, template
)

select
    read_on, form, template, pages, fields, straight_through, straight_through_pct, corrected, unreadable,
    rule_failed
from final
order by read_on desc, form, template
