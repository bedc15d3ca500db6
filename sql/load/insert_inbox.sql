-- Insert the declaration or the removal of an inbox.
insert into inboxes (
    name, place, templates, reference_folder, archive, settle_s, is_removed, declared_at, actor
)
values (
    $name, $place, $templates, $reference_folder, $archive, $settle_s, $is_removed, $declared_at, $actor
)
