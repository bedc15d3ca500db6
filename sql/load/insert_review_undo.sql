-- Record that a batch of verdicts was undone.
insert into review_undos (undo_id, batch_id, undone_at, actor)
values ($undo_id, $batch_id, $undone_at, $actor)
