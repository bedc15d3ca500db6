-- Insert the shards of a dataset version from the registered table new_shards, unless they are recorded.
insert into dataset_shards (
    dataset, manifest_version, manifest_fingerprint, shard_fingerprint, digits
)
select
    $dataset as dataset,
    $manifest_version as manifest_version,
    $manifest_fingerprint as manifest_fingerprint,
    shard_fingerprint,
    digits
from new_shards
where not exists (
    from dataset_shards
    where
        dataset_shards.dataset = $dataset
        and dataset_shards.manifest_version = $manifest_version
        and dataset_shards.manifest_fingerprint = $manifest_fingerprint
)
