-- List the digits of a blind sample, with the shards that contain their images.
select dataset, shard_fingerprint, cast(digit_id as varchar) as digit_id
from blind_items
where sample_id = cast($sample_id as uuid) and digit_id is not null
order by shard_fingerprint, digit_id
