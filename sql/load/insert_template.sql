-- Records a template; one that is there stays as it is.
insert into templates (template, form, text, recorded_at, actor)
values ($template, $form, $text, $recorded_at, $actor)
on conflict do nothing
