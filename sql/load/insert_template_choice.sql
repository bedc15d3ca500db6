-- Insert a choice of a template. An existing one is not changed.
insert into template_choices (template, choice, choice_number, kind, fewest, checks)
values ($template, $choice, $choice_number, $kind, $fewest, $checks)
on conflict do nothing
