-- question: How many fields need nobody to look at them?
-- grain: One row per form, template and day that pages were read on, newest first.
-- param run: scoring run id, its beginning, or 'latest' (default: latest)
-- param at_least: confidence from which a field that needs no look goes through, 0 to 1 (default: 0.9)
-- column read_on: day that the pages were read, in UTC
-- column form: the form
-- column template: fingerprint of its template
-- column pages: pages of it
-- column fields: fields on them that are not blank, or blank and should not be
-- column straight_through: fields that need no look and are sure enough
-- column straight_through_pct: their share, per cent
-- column corrected: fields whose value a rule corrected
-- column unreadable: fields with something that is no digit
-- column rule_failed: fields that no value was found for that keeps the rules
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
