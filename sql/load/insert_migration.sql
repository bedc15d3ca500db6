-- Records that a migration was applied.
insert into schema_migrations (version, name, applied_at)
values ($version, $name, current_timestamp)
