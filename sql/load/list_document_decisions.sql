-- Return the final value and decision of each field in the current runs of the datasets in `asked_datasets`.
select
    final_values.field_id,
    final_values.dataset,
    final_values.source,
    final_values.page,
    final_values.field,
    final_values.value,
    final_values.decision
from final_values
semi join asked_datasets using (dataset)
order by final_values.dataset, final_values.source, final_values.page, final_values.field_number
