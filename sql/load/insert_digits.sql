-- Insert the place on paper of each digit in a shard. The images stay in the lake.
insert into digits (
    shard_fingerprint, digit_id, source, source_sha256, page, field, position, polarity, label, writer
)
select
    $shard_fingerprint as shard_fingerprint,
    digit_id,
    source,
    source_sha256,
    page,
    field,
    position,
    polarity,
    label,
    writer
from read_parquet($path, hive_partitioning = false)
