-- Insert a field of a template. An existing one is not changed.
insert into template_fields (template, field, field_number, is_unique)
values ($template, $field, $field_number, $is_unique)
on conflict do nothing
