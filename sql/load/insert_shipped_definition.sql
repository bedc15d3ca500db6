-- Insert one view or macro of this release.
insert into shipped_definitions (kind, name, parameters, text)
values ($kind, $name, $parameters, $text)
