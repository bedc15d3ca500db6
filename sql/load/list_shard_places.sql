-- Lists what the database says of each digit of one shard beside its image, by digit.
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
order by all
