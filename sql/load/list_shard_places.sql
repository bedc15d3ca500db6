-- List the database columns of one shard's digits, by digit. The images are in the lake.
select
    unhex(replace(cast(digit_id as varchar), '-', '')) as digit_id,
    source,
    source_sha256,
    page,
    field,
    position,
    polarity,
    label,
    writer
from digits
where shard_fingerprint = $shard
order by digit_id
