-- Return the fields of $field_ids as the newest run of their dataset read them, with their pictures.
select
    cast(final_values.field_id as varchar) as field_id,
    cast(final_values.page_id as varchar) as page_id,
    cast(final_values.scoring_run_id as varchar) as scoring_run_id,
    final_values.source,
    final_values.source_sha256,
    final_values.page,
    final_values.form,
    final_values.template,
    final_values.field,
    final_values.field_number,
    final_values.value,
    final_values.status,
    final_values.origin,
    final_values.decision,
    final_values.reason,
    final_values.confidence,
    final_values.broken_rule,
    final_values.value_read,
    final_values.value_corrected,
    final_values.reviewed_positions,
    final_values.box,
    final_values.source_box,
    fields.picture
from final_values
inner join fields using (field_id)
where list_contains(cast($field_ids as uuid[]), final_values.field_id)
order by final_values.field_id
