-- List the predictions of one shard score, by digit.
select
    unhex(replace(cast(digit_id as varchar), '-', '')) as digit_id,
    label,
    confidence,
    probabilities,
    not_a_digit
from predictions
where shard_score_id = cast($shard as uuid)
order by digit_id
