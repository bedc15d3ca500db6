-- question: What waits for a person, and why?
-- grain: One row per waiting field of a form, or waiting digit outside forms, the least confident first.
-- param run: scoring run id or its beginning, dataset (its newest run), or 'all' datasets (default: all)
-- param reason: first word of a reason, such as rule_failed or unsure, or 'all' (default: all)
-- param labels: with, or 'without' to leave out digits with a label, as in training sets (default: without)
-- param limit: maximum number of rows (default: 100)
-- column source: path of the document, or file of the digit
-- column page: page of the source, from 1
-- column field: name of the field, null outside forms
-- column position: position of the digit on the page, from 0, null for a field
-- column value: value or digit that waits, null if the field has no value
-- column confidence: probability that the value is correct, 0 to 1, null without a value
-- column reason: reasons for the review, each with a word and a colon first
-- column kind: field or digit
-- column form: name of the form, null outside forms
-- column dataset: dataset, NAME/SPLIT
-- column scoring_run_id: scoring run that read it
-- column field_id: id of the field, null for a digit
-- column digit_id: id of the digit, null for a field
with

final as (
    select
        source, page, field, position, value, confidence, reason, kind, form, dataset, scoring_run_id,
        field_id, digit_id
    from review_queue
    where
        ($run = 'all' or cast(scoring_run_id as varchar) = $run)
        and ($reason = 'all' or contains('; ' || reason, '; ' || $reason || ':'))
        and ($labels = 'with' or not has_label)
)

select
    source, page, field, position, value, confidence, reason, kind, form, dataset, scoring_run_id, field_id,
    digit_id
from final
order by confidence nulls first, source, page, field, position, field_id, digit_id
limit cast($limit as bigint)
