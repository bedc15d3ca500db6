-- Record an export.
insert into exports (export_id, kind, folder, scoring_run_id, rows, exported_at, actor)
values ($export_id, $kind, $folder, $scoring_run_id, $rows, $exported_at, $actor)
