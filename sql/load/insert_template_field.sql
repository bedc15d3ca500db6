-- Records a field of a template; one that is there stays as it is.
insert into template_fields (template, field, field_number, is_unique)
values ($template, $field, $field_number, $is_unique)
on conflict do nothing
