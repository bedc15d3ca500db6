-- List the fields of the pages in the registered table changed_pages as each reader read them, with the
-- newest verdicts on them and on their digits.
with

digits_reviewed as (
    select
        cells.field_id,
        list(
            struct_pack(
                cells.position,
                digit_verdicts.verdict,
                digit_verdicts.review_number,
                digit_verdicts.reviewed_at,
                digit_verdicts.actor
            )
            order by digit_verdicts.review_number
        ) as digit_verdicts
    from cells
    semi join changed_pages using (page_id)
    inner join digit_verdicts using (digit_id)
    group by cells.field_id
),

final as (
    select
        values_read.page_id,
        values_read.model_name,
        values_read.model_version,
        values_read.preprocessing_fingerprint,
        values_read.precision,
        fields.template,
        fields.field,
        fields.field_number,
        values_read.field_id,
        values_read.status,
        values_read.raw_value,
        values_read.value,
        values_read.broken_rule,
        values_read.reason,
        values_read.cells_read,
        digits_reviewed.digit_verdicts,
        field_verdicts.verdict,
        field_verdicts.value as verdict_value,
        field_verdicts.has_all_digits,
        field_verdicts.review_number,
        field_verdicts.reviewed_at,
        field_verdicts.actor,
        checking_marks.marks
    from values_read
    semi join changed_pages using (page_id)
    inner join fields using (field_id)
    left join digits_reviewed using (field_id)
    left join field_verdicts using (field_id)
    left join checking_marks on values_read.page_id = checking_marks.page_id
)

select
    page_id, model_name, model_version, preprocessing_fingerprint, precision, template, field, field_number,
    field_id, status, raw_value, value, broken_rule, reason, cells_read, digit_verdicts, verdict,
    verdict_value, has_all_digits, review_number, reviewed_at, actor, marks
from final
order by
    page_id, model_name, model_version, preprocessing_fingerprint, precision, field_number
