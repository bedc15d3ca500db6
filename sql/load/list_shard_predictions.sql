-- Lists the predictions of one shard score, by digit.
select digit_id, label, probabilities, not_a_digit
from predictions
where shard_score_id = cast($shard as uuid)
order by digit_id
