-- Lists what the database says of the digits of one shard beside their images, by digit.
select
    unhex(replace(cast(digit_id as varchar), '-', '')) as digit_id,
    source,
    source_sha256,
    page,
    field,
    position,
    polarity,
    label
from digits
where shard_fingerprint = $shard
order by digit_id
