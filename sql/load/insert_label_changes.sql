-- Insert the label changes of a dataset version from the registered table new_label_changes, unless they are
-- recorded.
insert into label_changes (
    digit_id, dataset, former_label, label, manifest_version, changed_at, actor, ingest_id
)
select
    digit_id,
    $dataset as dataset,
    former_label,
    label,
    $manifest_version as manifest_version,
    $committed_at as changed_at,
    $actor as actor,
    $ingest_id as ingest_id
from new_label_changes
where not exists (
    from label_changes
    where
        label_changes.digit_id = new_label_changes.digit_id
        and label_changes.dataset = $dataset
        and label_changes.manifest_version = $manifest_version
        and label_changes.changed_at = $committed_at
)
