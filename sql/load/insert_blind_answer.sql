-- Record an answer to a blind item.
insert into blind_answers (
    batch_id, sample_id, item_number, attempt, answer, seconds, answered_at, actor
)
values ($batch_id, $sample_id, $item_number, $attempt, $answer, $seconds, $answered_at, $actor)
