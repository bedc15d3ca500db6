-- List the final values, by any reader, of all fields on the pages with a digit of the registered table
-- asked_digits.
select
    cast(field_id as varchar) as field_id,
    model_name,
    model_version,
    preprocessing_fingerprint,
    precision,
    value,
    status
from field_values
where page_id in (select page_id from cells where digit_id in (select digit_id from asked_digits))
order by field_id, model_name, model_version, preprocessing_fingerprint, precision
