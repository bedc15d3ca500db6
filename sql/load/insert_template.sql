-- Insert a template. An existing one is not changed.
insert into templates (template, form, text, recorded_at, actor)
values ($template, $form, $text, $recorded_at, $actor)
on conflict do nothing
