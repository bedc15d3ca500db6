-- Insert the staged predictions of one shard.
insert into predictions (digit_id, shard_score_id, label, confidence, probabilities, not_a_digit, truth)
select
    digit_id,
    $shard_score_id as shard_score_id,
    label,
    confidence,
    cast(probabilities as float[10]) as probabilities,
    not_a_digit,
    truth
from read_parquet($path, hive_partitioning = false)
